"""Notifies an author of what only they can mend: nobody is reachable, left, answering, or reminded.

An author who gets no DMs is left out, and an admin hears that nobody acts on the pull request.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import tell_admin_of_silence_job
from bot.flows.notices import (
    LostNotice,
    PreparedNotice,
    ReadyNotice,
    begin_notice,
    send_notice,
    wait_for_work,
)
from bot.flows.reminder_state import load_reminder_states
from bot.flows.standstill import (
    NoticeContent,
    describe_no_answer,
    find_standstill,
    is_about_unlinked,
)
from bot.flows.unheard import note_unheard
from bot.flows.visibility import Visibility, find_visibility
from bot.model import PullRequestId
from bot.people.model import Person
from bot.people.store import find_person_by_account
from bot.reminders import rules
from bot.reminders.model import AuthorNoticeKind, MessageState, Notice, NoticeKind, ReminderState
from bot.reminders.notices import AuthorNotice, count_notices, is_refused, list_author_notices
from bot.reminders.outlook import back_in_time
from bot.reviews.model import PullRequest
from bot.reviews.store import list_open_requests, lock_pull_request
from bot.slack.notices import render_author_notice
from bot.working_time import bounds_of_local_day, start_of_working_day_after
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, Queue, write_transaction

MOST_A_DAY = 5
TOGETHER = timedelta(hours=1)
"""Reviewers who were asked one after the other are named in the same notice."""
FAR = datetime.max.replace(tzinfo=UTC)
ADMIN_HEARS_AFTER = timedelta(hours=1)
"""So that one list has all that comes at once."""
LOOK_AGAIN_AFTER = timedelta(hours=6)
"""While the installation is suspended."""


class Arguments(BaseModel):
    pull_request_id: PullRequestId
    kind: AuthorNoticeKind


async def tell_author(
    job: ClaimedJob, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """Sends the notice in the author's working hours if it is still true; otherwise discards it."""
    arguments = job.read(Arguments)
    prepared = await _prepare(arguments.pull_request_id, arguments.kind, queue, clock.now())
    result = await send_notice(prepared, slack=slack, clock=clock)
    if isinstance(prepared, ReadyNotice) and await is_refused(prepared.message_id):
        return Postpone(clock.now())  # an admin hears of it instead
    return result


@write_transaction
async def _prepare(
    pull_request_id: PullRequestId, kind: AuthorNoticeKind, queue: Queue, now: datetime
) -> PreparedNotice:
    pull_request = await lock_pull_request(pull_request_id)
    if pull_request is None or not pull_request.is_open or pull_request.is_draft:
        return Discard("nothing is asked for")
    if (hindrance := await _find_hindrance(pull_request, now)) is not None:
        return hindrance
    author = await find_person_by_account(pull_request.workspace_id, pull_request.author.id)
    earlier = await list_author_notices(pull_request)
    if author is not None and (lost := _lost(kind, earlier)) is not None:
        return LostNotice(message=lost.message, person=author)
    content = await _find_content(kind, pull_request, now)
    if not isinstance(content, NoticeContent):
        return content
    if kind is NoticeKind.NOBODY_ACTS:
        content = _as_sent_before(content, earlier)
    return await _prepare_for(author, pull_request, content, earlier, queue, now)


async def _find_hindrance(pull_request: PullRequest, now: datetime) -> Postpone | Discard | None:
    """Why nothing is sent about a pull request that GitHub does not show us now; None: it does."""
    match await find_visibility(pull_request.id):
        case Visibility.GONE:
            return Discard("GitHub does not show this pull request any more")
        case Visibility.ON_HOLD:
            return Postpone(now + LOOK_AGAIN_AFTER)
        case Visibility.VISIBLE:
            return None


def _lost(kind: AuthorNoticeKind, earlier: Sequence[AuthorNotice]) -> AuthorNotice | None:
    """A notice that this job began and that may have arrived."""
    kinds = (kind, NoticeKind.NOBODY_REACHABLE) if kind is NoticeKind.NOBODY_ACTS else (kind,)
    return next((notice for notice in earlier if notice.kind in kinds and notice.message.is_unresolved), None)


def _as_sent_before(content: NoticeContent, earlier: Sequence[AuthorNotice]) -> NoticeContent:
    """NOBODY_REACHABLE is sent once a round. The next people who are not reachable come as NOBODY_ACTS."""
    if content.kind is NoticeKind.NOBODY_REACHABLE and content.kind in {notice.kind for notice in earlier}:
        return content.model_copy(update={"kind": NoticeKind.NOBODY_ACTS})
    return content


async def _prepare_for(
    author: Person | None,
    pull_request: PullRequest,
    content: NoticeContent,
    earlier: Sequence[AuthorNotice],
    queue: Queue,
    now: datetime,
) -> PreparedNotice:
    if not content.is_news and content.topics <= _said(content, earlier):
        return Discard("it was said already")
    wait = None if author is None or not author.is_active else wait_for_work(author, now)
    if _is_unreachable(author, earlier, wait, now):
        return await _tell_admin(pull_request, content, wait, queue, now)
    assert author is not None  # noqa: S101 - or they would be unreachable
    if content.kind is not NoticeKind.NOBODY_ACTS and content.kind in {notice.kind for notice in earlier}:
        return Discard("it was sent already")
    if wait is not None:
        return wait
    if (tomorrow := await _wait_for_tomorrow(author, now)) is not None:
        return tomorrow
    notice = Notice.to_author(author, content.kind, pull_request, content.topics)
    rendered = render_author_notice(
        content.kind, pull_request, content.logins, content.sentences, content.choices
    )
    return await begin_notice(notice, author, rendered, now)


def _said(content: NoticeContent, earlier: Sequence[AuthorNotice]) -> frozenset[str]:
    """The topics that the author has heard of in this round."""
    arrived = [notice for notice in earlier if notice.message.state is not MessageState.FAILED]
    said = frozenset[str]().union(*(notice.topics for notice in arrived))
    if any(notice.kind is NoticeKind.NOBODY_REACHABLE and not notice.topics for notice in arrived):
        # The release before stored no topics, and named everybody.
        return said | {topic for topic in content.topics if is_about_unlinked(topic)}
    return said


def _is_unreachable(
    author: Person | None, earlier: Sequence[AuthorNotice], wait: Postpone | Discard | None, now: datetime
) -> bool:
    """Whether the author is unknown in Slack, never at work, away for days, or refused by Slack."""
    if author is None or not author.is_active or isinstance(wait, Discard):
        return True
    if any(notice.message.state is MessageState.FAILED for notice in earlier):
        return True
    in_time = back_in_time(author, now)
    return wait is not None and (in_time is None or wait.until > in_time)


async def _wait_for_tomorrow(author: Person, now: datetime) -> Postpone | None:
    """One author may have many pull requests that get no answer: they hear of a few each day."""
    begins_at, _ = bounds_of_local_day(author.hours, now)
    if await count_notices(author.id, get_args(AuthorNoticeKind), begins_at) < MOST_A_DAY:
        return None
    tomorrow = start_of_working_day_after(author.hours, now)
    return Postpone(tomorrow) if tomorrow else None


async def _tell_admin(
    pull_request: PullRequest,
    content: NoticeContent,
    wait: Postpone | Discard | None,
    queue: Queue,
    now: datetime,
) -> PreparedNotice:
    """The author hears of it as well, if they come back."""
    if content.is_standstill:
        await note_unheard(pull_request.workspace_id, pull_request.id, content.topics, now)
        await queue.save(
            tell_admin_of_silence_job(pull_request.workspace_id).runs_at(now + ADMIN_HEARS_AFTER)
        )
    return wait or Discard("the author gets no DMs")


async def _find_content(
    kind: AuthorNoticeKind, pull_request: PullRequest, now: datetime
) -> NoticeContent | Postpone | Discard:
    """The content of a notice that is true now; when to look again; or why it is not true."""
    if kind is NoticeKind.NO_ANSWER:
        requests = await list_open_requests(pull_request.id)
        states = await load_reminder_states([request.id for request in requests], now)
        return _unanswered(states, now)
    standstill = await find_standstill(pull_request, now)
    if isinstance(standstill, Postpone):
        return standstill
    if standstill is None or kind not in (standstill.kind, NoticeKind.NOBODY_ACTS):
        return Discard(_NOT_TRUE.get(kind, "somebody is reminded, or nobody needs to be"))
    return standstill


_NOT_TRUE = {
    NoticeKind.NOBODY_REACHABLE: "somebody is reachable",
    NoticeKind.NOBODY_LEFT: "somebody was asked",
}


def _unanswered(states: Sequence[ReminderState], now: datetime) -> NoticeContent | Postpone | Discard:
    waits = {
        state.request.id: at
        for state in states
        if state.contacts and (at := rules.no_answer_at(state, state.contacts[0])) is not None
    }
    if not waits:
        return Discard("nobody was reminded")
    if (first := min(waits.values())) > now:
        return Postpone(first)
    late = [state for state in states if waits.get(state.request.id, FAR) <= now + TOGETHER]
    return describe_no_answer(states, late, now)
