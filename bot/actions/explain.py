"""`ripe why OWNER/REPO#N`: the decisions about a pull request, the DMs about it, and when the next is due."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.assignment.model import Assignment
from bot.assignment.rules import describe_decision
from bot.assignment.store import list_assignments
from bot.flows.author_notices import list_earlier
from bot.flows.changed_files import find_next_reading
from bot.flows.current_rules import find_rules
from bot.flows.listing_digests import list_digests
from bot.flows.obstacles import describe_obstacle, list_obstacles
from bot.flows.paces import READ_EVERY
from bot.flows.reminder_state import load_reminder_states
from bot.flows.standstill import NoticeContent, find_standstill
from bot.flows.unheard import HEARD_WITHIN, unheard_since
from bot.flows.visibility import Visibility, find_visibility
from bot.model import UserError, WorkspaceId
from bot.reminders.model import Message, MessageState, NoticeKind, Outlook, ReminderState
from bot.reminders.outlook import find_outlook
from bot.reminders.rules import number_of
from bot.reminders.words import about_reviewer
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest
from bot.slack.commands import parse_target
from jobq import write_transaction

FIRST_MINUTES = timedelta(minutes=5)
"""A new pull request is decided on in this time, unless GitHub or the queue is slow."""

_NOTICES = {
    NoticeKind.NOBODY_REACHABLE: "nobody is reachable in Slack",
    NoticeKind.NOBODY_LEFT: "nobody is left to ask",
    NoticeKind.NO_ANSWER: "no answer",
    NoticeKind.GITHUB_REFUSES: "GitHub refuses",
    NoticeKind.NOBODY_ACTS: "nobody is reminded",
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
        lines.append(f"No decision was made: {await _why_undecided(pull_request, now)}.")
    lines += await _describe_next_reading(pull_request, now)
    requests = await reviews.list_requests(pull_request.id)
    states = await load_reminder_states([request.id for request in requests], now)
    for state in states:
        lines += describe_request(state, now, await list_digests(state.request.id))
    lines += await _describe_obstacles(pull_request, states, now)
    for notice in await list_earlier(pull_request):
        lines.append(_describe_message(notice.message, f"notice to the author ({_NOTICES[notice.kind]})"))
    return [*lines, *await _describe_unheard(pull_request, now)]


async def _describe_unheard(pull_request: PullRequest, now: datetime) -> list[str]:
    """Says that nobody acts on it if that is still so and neither the author nor an admin has heard."""
    if (since := await unheard_since(pull_request.id)) is None:
        return []
    if not isinstance(await find_standstill(pull_request, now), NoticeContent):
        return []
    if now - since < HEARD_WITHIN:
        return ["Nobody acts on it. Its author gets no DMs, so an admin gets one in their working hours."]
    return ["Nobody acts on it, and nobody has heard of that: neither its author nor an admin gets DMs."]


async def _why_undecided(pull_request: PullRequest, now: datetime) -> str:
    if await find_rules(pull_request.workspace_id, pull_request.repository) is None:
        return f"there are no rules for {pull_request.repository}"
    if not pull_request.is_open:
        return "it was over before it could be made"
    if await find_visibility(pull_request.id) is not Visibility.VISIBLE:
        return "GitHub does not show it to Ripe"
    if now - pull_request.created_at < FIRST_MINUTES:
        return "its first minutes are not over"
    return "there were no rules for it when something last happened to it, or GitHub did not name its files"


async def _describe_obstacles(
    pull_request: PullRequest, states: Sequence[ReminderState], now: datetime
) -> list[str]:
    """Lines about the calls that GitHub and Slack refuse, unless that began a moment ago."""
    waiting = [state.person.id for state in states if state.person and not state.is_over]
    obstacles = await list_obstacles(now, pull_request_id=pull_request.id, person_ids=waiting)
    return [
        describe_obstacle(obstacle, _time(obstacle.since)) for obstacle in obstacles if obstacle.is_shown(now)
    ]


async def _describe_next_reading(pull_request: PullRequest, now: datetime) -> list[str]:
    """Says that the decision does not know the newest push yet, and until when."""
    if (at := await find_next_reading(pull_request, now)) is None:
        return []
    every = int(READ_EVERY.total_seconds()) // 60
    return [
        f"The files of the newest push are read at {_time(at)}, and reviewers are chosen again. "
        f"Ripe reads the files of a pull request at most every {every} minutes, long lists more rarely."
    ]


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
    lines = [f"{_time(assignment.decided_at)} decided {_at_head(decision.head_sha)}:"]
    lines += describe_decision(decision, now)
    lines += [f"GitHub refused {login}: {why}" for login, why in assignment.refusals.items()]
    if assignment.asked is None:
        lines.append("GitHub has not answered yet.")
    elif decision.chosen and not (assignment.asked or assignment.refusals):
        lines.append("Nobody was really asked: shadow mode.")
    return lines[:1] + [f"  {line}" for line in lines[1:]]


def _at_head(head_sha: str) -> str:
    """GitHub names no head, or one of zeros, if the branch or its repository is gone."""
    return f"at {head_sha[:7]}" if head_sha[:7].strip("0") else "without knowing the head commit"


def describe_request(state: ReminderState, now: datetime, digests: Iterable[Message] = ()) -> list[str]:
    """When a reviewer was asked, their DMs, the digests that list it, and what comes next."""
    request = state.request
    by = f" by {request.requested_by}" if request.requested_by else ""
    line = f"{_time(request.opened_at)} {request.reviewer_login} was asked{by}"
    if request.closed_at is not None:
        line += f"; over since {_time(request.closed_at)}: {request.close_reason}"
    contacts = [(message, _name(state, message)) for message in state.messages]
    contacts += [(listing, "digest that lists it") for listing in digests]
    contacts.sort(key=lambda contact: contact[0].sending_at)
    sent = [f"  {_describe_message(message, name)}" for message, name in contacts]
    return [line, *sent, f"  {_describe_outlook(find_outlook(state, now), request.reviewer_login)}"]


def _name(state: ReminderState, message: Message) -> str:
    number = number_of(state, message)
    return f"reminder {number}" if number else "first DM"


def _describe_message(message: Message, what: str) -> str:
    if message.state is MessageState.SENT:
        if message.is_shadow:
            return f"{_time(message.sending_at)} {what} would have been sent (shadow mode)"
        refused = f" (Slack refused an edit: {message.error})" if message.error else ""
        return f"{_time(message.sent_at or message.sending_at)} {what} sent{refused}"
    error = f": {message.error}" if message.error else ""
    return f"{_time(message.sending_at)} {what} {message.state}{error}"


def _describe_outlook(outlook: Outlook, login: str) -> str:
    clause = about_reviewer(outlook, login)
    if outlook.is_end:
        return f"Nothing more is sent: {clause}."
    if outlook.silence is None or outlook.next_at is None:
        return f"{clause[0].upper()}{clause[1:]}."
    return f"Next DM {_time(outlook.next_at)}: {clause}."


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"
