"""Notifies an author of what only they can mend: nobody is reachable, left, answering, or reminded.

An author who gets no DMs is left out, and an admin hears that nobody acts on the pull request.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.author_notices import find_news, list_earlier, was_sent
from bot.flows.catalog import tell_admin_of_silence_job
from bot.flows.late_notices import is_held_up, plan_late_notice
from bot.flows.notices import (
    LostNotice,
    PreparedNotice,
    ReadyNotice,
    begin_notice,
    send_notice,
    wait_for_work,
)
from bot.flows.standstill import NoticeContent
from bot.flows.unheard import note_unheard
from bot.model import Parsed, PullRequestId
from bot.people.model import Person
from bot.people.store import find_person_by_account
from bot.reminders.model import AuthorNoticeKind, MessageState, Notice, NoticeKind
from bot.reminders.notices import AuthorNotice, count_notices, is_refused
from bot.reminders.outlook import back_in_time
from bot.reviews.model import PullRequest
from bot.reviews.store import lock_pull_request
from bot.slack.notices import render_author_notice
from bot.working_time import bounds_of_local_day, start_of_working_day_after
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, Queue, write_transaction

MOST_A_DAY = 5
ADMIN_HEARS_AFTER = timedelta(hours=1)
"""So that one list has all that comes at once."""


class Arguments(Parsed):
    pull_request_id: PullRequestId
    kind: AuthorNoticeKind


async def tell_author(
    job: ClaimedJob, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """Sends the notice in the author's working hours if it is still true; otherwise discards it."""
    arguments = job.read(Arguments)
    prepared = await _prepare(arguments.pull_request_id, arguments.kind, job.due_at, queue, clock.now())
    result = await send_notice(prepared, slack=slack, clock=clock)
    if isinstance(prepared, ReadyNotice) and await is_refused(prepared.message_id):
        return Postpone(clock.now(), "Slack refused; an admin hears of it")
    return result


@write_transaction
async def _prepare(
    pull_request_id: PullRequestId, kind: AuthorNoticeKind, due_at: datetime, queue: Queue, now: datetime
) -> PreparedNotice:
    pull_request = await lock_pull_request(pull_request_id)
    if pull_request is None:
        return Discard("nothing is asked for")
    author = await find_person_by_account(pull_request.workspace_id, pull_request.author.id)
    earlier = await list_earlier(pull_request)
    if author is not None and (lost := _lost(kind, earlier)) is not None:
        return LostNotice(message=lost.message, person=author)
    content = await find_news(kind, pull_request, earlier, now)
    if not isinstance(content, NoticeContent):
        return content
    wait = None if author is None or not author.is_active else wait_for_work(author, now)
    if _is_unreachable(author, earlier, wait, now):
        return await _tell_admin(pull_request, content, wait, queue, now)
    assert author is not None  # noqa: S101 - or they would be unreachable
    if was_sent(content, earlier):
        return Discard("it was sent already")
    if await is_held_up(due_at, now):
        not_before = wait.until if isinstance(wait, Postpone) else now
        await plan_late_notice(author, pull_request, kind, not_before, queue)
        return Discard("it is late, so the author's digest lists it")
    return wait or await _prepare_for(author, pull_request, content, now)


def _lost(kind: AuthorNoticeKind, earlier: Sequence[AuthorNotice]) -> AuthorNotice | None:
    """A notice that this job began and that may have arrived."""
    kinds = (kind, NoticeKind.NOBODY_REACHABLE) if kind is NoticeKind.NOBODY_ACTS else (kind,)
    return next((notice for notice in earlier if notice.kind in kinds and notice.message.is_unresolved), None)


async def _prepare_for(
    author: Person, pull_request: PullRequest, content: NoticeContent, now: datetime
) -> PreparedNotice:
    if (tomorrow := await _wait_for_tomorrow(author, now)) is not None:
        return tomorrow
    notice = Notice.to_author(author, content.kind, pull_request, content.topics)
    rendered = render_author_notice(
        content.kind, pull_request, content.logins, content.sentences, content.choices
    )
    return await begin_notice(notice, author, rendered, now)


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
    return Postpone(tomorrow, "the author got enough notices today") if tomorrow else None


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
