"""Notifies an author, once a round, of what only they can mend: nobody is reachable, left, or answering."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.notices import PreparedNotice, begin_notice, follow_up, send_notice, wait_for_work
from bot.flows.reminder_state import load_reminder_states
from bot.flows.visibility import Visibility, find_visibility
from bot.model import PullRequestId
from bot.people.model import Person
from bot.people.store import find_person_by_account
from bot.reminders import rules
from bot.reminders.model import AuthorNoticeKind, Notice, NoticeKind, ReminderState
from bot.reminders.notices import find_notice
from bot.reviews.model import PullRequest
from bot.reviews.store import list_open_requests, lock_pull_request
from bot.slack.notices import render_author_notice
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, write_transaction

LOOK_AGAIN_AFTER = timedelta(hours=6)
"""While the installation is suspended."""


class Arguments(BaseModel):
    pull_request_id: PullRequestId
    kind: AuthorNoticeKind


async def tell_author(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends the notice in the author's working hours if it is still true; otherwise discards it."""
    arguments = job.read(Arguments)
    prepared = await _prepare(arguments.pull_request_id, arguments.kind, clock.now())
    return await send_notice(prepared, slack=slack, clock=clock)


@write_transaction
async def _prepare(pull_request_id: PullRequestId, kind: AuthorNoticeKind, now: datetime) -> PreparedNotice:
    pull_request = await lock_pull_request(pull_request_id)
    if pull_request is None or not pull_request.is_open or pull_request.is_draft:
        return Discard("nothing is asked for")
    author = await find_person_by_account(pull_request.workspace_id, pull_request.author.id)
    if author is None:
        return Discard("nobody is mapped to the author")
    if (hindrance := await _find_hindrance(pull_request, now)) is not None:
        return hindrance
    return await _prepare_for(author, pull_request, kind, now)


async def _find_hindrance(pull_request: PullRequest, now: datetime) -> Postpone | Discard | None:
    """Why nothing is sent about a pull request that GitHub does not show us now; None: it does."""
    match await find_visibility(pull_request.id):
        case Visibility.GONE:
            return Discard("GitHub does not show this pull request any more")
        case Visibility.ON_HOLD:
            return Postpone(now + LOOK_AGAIN_AFTER)
        case Visibility.VISIBLE:
            return None


async def _prepare_for(
    author: Person, pull_request: PullRequest, kind: AuthorNoticeKind, now: datetime
) -> PreparedNotice:
    notice = Notice.to_author(author, kind, pull_request)
    if (earlier := await find_notice(notice)) is not None:
        return follow_up(earlier, author)
    reviewers = await _find_reviewers(kind, pull_request, now)
    if not isinstance(reviewers, tuple):
        return reviewers
    if (wait := wait_for_work(author, now)) is not None:
        return wait
    return await begin_notice(notice, author, render_author_notice(kind, pull_request, reviewers), now)


async def _find_reviewers(
    kind: AuthorNoticeKind, pull_request: PullRequest, now: datetime
) -> tuple[str, ...] | Postpone | Discard:
    """The logins that the notice is about if it is true now; when to look again; or that it is not true."""
    requests = await list_open_requests(pull_request.id)
    states = await load_reminder_states([request.id for request in requests], now)
    match kind:
        case NoticeKind.NOBODY_LEFT:
            return Discard("somebody was asked") if states else ()
        case NoticeKind.NOBODY_REACHABLE:
            is_reachable = any(state.person is not None for state in states)
            return Discard("somebody is reachable") if is_reachable or not states else _logins(states)
        case NoticeKind.NO_ANSWER:
            return _unanswered(states, now)


def _unanswered(states: Sequence[ReminderState], now: datetime) -> tuple[str, ...] | Postpone | Discard:
    waits = {
        state.request.id: at
        for state in states
        if state.contacts and (at := rules.no_answer_at(state, state.contacts[0])) is not None
    }
    late = [state for state in states if state.request.id in waits and waits[state.request.id] <= now]
    if late:
        return _logins(late)
    return Postpone(min(waits.values())) if waits else Discard("nobody was reminded")


def _logins(states: Sequence[ReminderState]) -> tuple[str, ...]:
    return tuple(state.request.reviewer_login for state in states)
