"""`ripe why OWNER/REPO#N`: the decisions about a pull request, the DMs about it, and when the next is due."""

from datetime import datetime

from bot.assignment.model import Assignment
from bot.assignment.rules import describe_decision
from bot.assignment.store import list_assignments
from bot.flows.reminder_state import load_reminder_states
from bot.model import UserError, WorkspaceId
from bot.reminders import rules
from bot.reminders.model import (
    Close,
    Edit,
    Message,
    MessageState,
    NoticeKind,
    Reconcile,
    ReminderState,
    Send,
    Step,
    Wait,
)
from bot.reminders.notices import list_author_notices
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest
from bot.slack.commands import parse_target
from jobq import write_transaction

_NOTICES = {
    NoticeKind.NOBODY_REACHABLE: "nobody is reachable in Slack",
    NoticeKind.NOBODY_LEFT: "nobody is left to ask",
    NoticeKind.NO_ANSWER: "no answer",
}


# It only reads, but the rows must fit together, and their locks need a write transaction.
@write_transaction
async def explain(workspace_id: WorkspaceId, name: str, now: datetime) -> list[str]:
    """The lines to show about a pull request such as acme/api#12. Times are in UTC. Raises UserError."""
    pull_request = await _find(workspace_id, name)
    lines = [f"{pull_request.label}, {_state(pull_request)}, by {pull_request.author.login}"]
    lines.append(f"  {pull_request.url}")
    stored = await list_assignments(pull_request.id)
    for assignment in stored:
        lines += _describe_assignment(assignment, now)
    if not stored:
        lines.append("No decision was made: there are no rules for it, or its first minute is not over.")
    requests = await reviews.list_requests(pull_request.id)
    for state in await load_reminder_states([request.id for request in requests], now):
        lines += _describe_request(state, now)
    for kind, notice in await list_author_notices(pull_request):
        lines.append(_describe_message(notice, f"notice to the author ({_NOTICES[kind]})"))
    return lines


async def _find(workspace_id: WorkspaceId, name: str) -> PullRequest:
    if (target := parse_target(name)) is None:
        raise UserError(f"{name[:100]!r} names no pull request: write it like acme/api#12.")
    pull_request = await reviews.find_pull_request_by_name(workspace_id, target.repository, target.number)
    if pull_request is None:
        raise UserError(f"{name} is not known here: no webhook has mentioned it yet.")
    return pull_request


def _state(pull_request: PullRequest) -> str:
    return "draft" if pull_request.is_open and pull_request.is_draft else pull_request.state.value


def _describe_assignment(assignment: Assignment, now: datetime) -> list[str]:
    decision = assignment.decision
    lines = [f"{_time(assignment.decided_at)} decided at {decision.head_sha[:7]}:"]
    lines += describe_decision(decision, now)
    lines += [f"GitHub refused {login}: {why}" for login, why in assignment.refusals.items()]
    if assignment.asked is None:
        lines.append("GitHub has not answered yet.")
    elif decision.chosen and not (assignment.asked or assignment.refusals):
        lines.append("Nobody was really asked: shadow mode.")
    return lines[:1] + [f"  {line}" for line in lines[1:]]


def _describe_request(state: ReminderState, now: datetime) -> list[str]:
    request = state.request
    by = f" by {request.requested_by}" if request.requested_by else ""
    line = f"{_time(request.opened_at)} {request.reviewer_login} was asked{by}"
    if request.closed_at is not None:
        line += f"; over since {_time(request.closed_at)}: {request.close_reason}"
    sent = [f"  {_describe_message(message, _name(message))}" for message in state.messages]
    return [line, *sent, f"  {_describe_step(rules.decide(state, now))}"]


def _name(message: Message) -> str:
    return f"reminder {message.sequence}" if message.sequence else "first DM"


def _describe_message(message: Message, what: str) -> str:
    if message.state is MessageState.SENT:
        if message.is_shadow:
            return f"{_time(message.sending_at)} {what} would have been sent (shadow mode)"
        refused = f" (Slack refused an edit: {message.error})" if message.error else ""
        return f"{_time(message.sent_at or message.sending_at)} {what} sent{refused}"
    error = f": {message.error}" if message.error else ""
    return f"{_time(message.sending_at)} {what} {message.state}{error}"


def _describe_step(step: Step) -> str:
    match step:
        case Send(sequence=sequence):
            return f"{'Reminder' if sequence else 'The first DM'} is due now."
        case Reconcile():
            return "Slack is being asked whether the last DM arrived."
        case Edit():
            return "Its DMs are being brought up to date."
        case Wait(until=datetime() as until, why=why):
            return f"Next DM {_time(until)}: {why}."
        case Wait(why=why, detail=detail):
            return f"Nothing more is sent: {detail or why}."
        case Close(detail=detail):
            return f"Nothing more is sent: over: {detail}."


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"
