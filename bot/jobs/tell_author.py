"""Tells an author, once a round, what only they can mend: nobody is reachable, left, or answering."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.reminder_state import load_reminder_states
from bot.flows.visibility import Visibility, find_visibility
from bot.model import PullRequestId, Value
from bot.people.model import Person
from bot.people.store import find_person_by_account
from bot.reminders import rules, store
from bot.reminders.model import Message, MessageState, NoticeKind, ReminderState
from bot.reviews import store as reviews
from bot.reviews.model import PullRequest
from bot.slack.notices import render_author_notice
from bot.working_time import next_working_instant
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction

log = structlog.get_logger()


class Arguments(BaseModel):
    pull_request_id: PullRequestId
    kind: NoticeKind


class _Due(Value):
    """A notice that is true now: in its own row, or in the row of one that may have arrived."""

    pull_request: PullRequest
    reviewers: tuple[str, ...]
    message_id: int
    lost: Message | None = None


async def tell_author(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends the notice in the author's working hours if it is still true; otherwise discards it."""
    arguments = job.read(Arguments)
    author = await _find_author(arguments.pull_request_id)
    if author is None:
        return Discard("nobody is mapped to the author")
    due = await _begin(arguments, author, clock.now())
    if not isinstance(due, _Due):
        return due
    if due.lost is not None:
        await outbox.reconcile(due.lost, author, slack=slack, clock=clock)
        return Postpone(clock.now())
    rendered = render_author_notice(arguments.kind, due.pull_request, due.reviewers)
    await outbox.post(due.message_id, author, rendered, "", slack=slack, clock=clock)
    return None


async def _find_author(pull_request_id: PullRequestId) -> Person | None:
    pull_request = await reviews.find_pull_request(pull_request_id)
    if pull_request is None:
        return None
    return await find_person_by_account(pull_request.workspace_id, pull_request.author.id)


@write_transaction
async def _begin(arguments: Arguments, author: Person, now: datetime) -> _Due | Postpone | Discard:
    pull_request = await reviews.lock_pull_request(arguments.pull_request_id)
    if pull_request is None or not pull_request.is_open or pull_request.is_draft:
        return Discard("nothing is asked for")
    told = await store.find_notice(pull_request, arguments.kind)
    if told is not None and told.state in (MessageState.SENT, MessageState.FAILED):
        return Discard("told already")
    reviewers = await _reviewers(arguments.kind, pull_request, now)
    if not isinstance(reviewers, tuple):
        return reviewers
    at = next_working_instant(author.hours, now, rules.intervals(author))
    if at is None or at > now:
        return Postpone(at) if at else Discard("the author is never at work")
    if told is not None:
        return _Due(pull_request=pull_request, reviewers=reviewers, message_id=told.id, lost=told)
    message_id = await store.begin_notice(pull_request, arguments.kind, author.id, now)
    return _Due(pull_request=pull_request, reviewers=reviewers, message_id=message_id)


async def _reviewers(
    kind: NoticeKind, pull_request: PullRequest, now: datetime
) -> tuple[str, ...] | Postpone | Discard:
    """Whom the notice is about if it is true now; when to look again; or that it is not true."""
    requests = await reviews.list_open_requests(pull_request.id)
    states = await load_reminder_states([request.id for request in requests], now)
    match kind:
        case NoticeKind.NOBODY_LEFT:
            return Discard("somebody was asked") if states else ()
        case NoticeKind.NOBODY_REACHABLE:
            reachable = any(state.person is not None for state in states)
            return Discard("somebody is reachable") if reachable or not states else _logins(states)
        case NoticeKind.NO_ANSWER:
            return _unanswered(states, now)


def _unanswered(states: Sequence[ReminderState], now: datetime) -> tuple[str, ...] | Postpone | Discard:
    waits = {
        state.request.id: at
        for state in states
        if state.sent and (at := rules.no_answer_at(state, state.sent[0].sending_at)) is not None
    }
    late = [state for state in states if state.request.id in waits and waits[state.request.id] <= now]
    if late:
        return _logins(late)
    return Postpone(min(waits.values())) if waits else Discard("nobody was reminded")


def _logins(states: Sequence[ReminderState]) -> tuple[str, ...]:
    return tuple(state.request.reviewer_login for state in states)


LOOK_AGAIN_AFTER = timedelta(hours=6)


async def tell_author_in_sight(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """`tell_author`, later for a pull request that is held and never for one that is gone."""
    match await find_visibility(job.read(Arguments).pull_request_id):
        case Visibility.GONE:
            return Discard("GitHub does not show this pull request any more")
        case Visibility.ON_HOLD:
            return Postpone(clock.now() + LOOK_AGAIN_AFTER)
        case Visibility.VISIBLE:
            return await tell_author(job, slack=slack, clock=clock)
