"""Notices to authors that an outage held up: the author's next digest lists them.

They are planned when their own job notices that it is late. The digest finds out what is still true. Uses the
ambient transaction.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.flows.author_notices import find_news, list_earlier, was_sent
from bot.flows.catalog import digest_job, tell_author_job
from bot.flows.standstill import NoticeContent
from bot.flows.visibility import prepare_sync
from bot.model import PersonId, PullRequestId, Value
from bot.people.model import Person
from bot.reminders.model import AuthorNoticeKind
from bot.reminders.planning import LATE_AFTER, is_late
from bot.reviews.model import PullRequest
from bot.reviews.store import list_pull_requests_by_id
from jobq import Postpone, Queue, current_database

TOGETHER = timedelta(minutes=1)
"""So that one digest lists all that comes late at once."""


class LateNotice(Value):
    """A late notice that is still true, to be listed in a digest."""

    pull_request: PullRequest
    kind: AuthorNoticeKind
    """The kind that was planned. The content may be of another kind by now."""
    content: NoticeContent


class LateNotices(Value):
    """An author's late notices at this moment.

    `items` are true and may be listed. `planned_at` is when the digest for them is to be sent; None if there
    is none. `is_asking`: GitHub has yet to say how some of their pull requests stand.
    """

    items: tuple[LateNotice, ...] = ()
    planned_at: datetime | None = None
    is_asking: bool = False


class _Planned(Value):
    pull_request_id: PullRequestId
    round: int
    kind: AuthorNoticeKind
    planned_at: datetime
    heard_at: datetime


async def is_held_up(due_at: datetime, now: datetime) -> bool:
    """Whether a job that was due then runs so late that an outage, or a restored backup, must be behind it.

    Somebody who moves the clock of the sandbox is no outage.
    """
    if not is_late(due_at, now):
        return False
    moved_at: datetime | None = await current_database().fetchval(
        "SELECT moved_on + shift FROM sandbox_clock"
    )
    return moved_at is None or is_late(moved_at, now)


async def plan_late_notice(
    author: Person, pull_request: PullRequest, kind: AuthorNoticeKind, not_before: datetime, queue: Queue
) -> None:
    """The author's digest of that time is to list it. GitHub is asked first: it may be over by now."""
    planned_at = not_before + TOGETHER
    await current_database().execute(
        """
        INSERT INTO late_notice (workspace_id, pull_request_id, round, kind, person_id, planned_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        pull_request.workspace_id,
        pull_request.id,
        pull_request.round,
        kind,
        author.id,
        planned_at,
    )
    digest = digest_job(author.id, author.workspace_id).runs_at(planned_at)
    await queue.save_all([await prepare_sync(pull_request.id), digest])


async def load_late_notices(person_id: PersonId, queue: Queue, now: datetime) -> LateNotices:
    """Forgets those that are no longer true. Has GitHub asked about those not heard of in two hours."""
    planned = await _list_planned(person_id)
    if not planned:
        return LateNotices()
    asked = [notice for notice in planned if now - notice.heard_at <= LATE_AFTER]
    unasked = [notice for notice in planned if notice not in asked]
    await queue.save_all([await prepare_sync(notice.pull_request_id) for notice in unasked])
    pull_requests = {row.id: row for row in await list_pull_requests_by_id(n.pull_request_id for n in asked)}
    items = []
    for notice in asked:
        item = await _find_item(notice, pull_requests[notice.pull_request_id], queue, now)
        items += [item] if item else []
    return LateNotices(
        items=tuple(items),
        planned_at=min(notice.planned_at for notice in planned),
        is_asking=bool(unasked),
    )


async def mark_late_notices(items: Iterable[LateNotice], message_id: int) -> None:
    """The digest with this id lists these. If it proves not to have been sent, they wait for one again."""
    for item in items:
        await current_database().execute(
            """
            UPDATE late_notice SET message_id = $4, topics = $5
            WHERE pull_request_id = $1 AND round = $2 AND kind = $3
            """,
            item.pull_request.id,
            item.pull_request.round,
            item.kind,
            message_id,
            sorted(item.content.topics),
        )


async def _list_planned(person_id: PersonId) -> list[_Planned]:
    """Oldest first."""
    rows = await current_database().fetch(
        """
        SELECT late_notice.pull_request_id, late_notice.round, late_notice.kind, late_notice.planned_at,
            greatest(pull_request.updated_at, pull_request.synced_at) AS heard_at
        FROM late_notice
        JOIN pull_request ON pull_request.id = late_notice.pull_request_id
        LEFT JOIN message ON message.id = late_notice.message_id
        WHERE late_notice.person_id = $1 AND (message.id IS NULL OR message.state = 'failed')
        ORDER BY pull_request.created_at, pull_request.id
        """,
        person_id,
    )
    return [_Planned.model_validate(dict(row)) for row in rows]


async def _find_item(
    notice: _Planned, pull_request: PullRequest, queue: Queue, now: datetime
) -> LateNotice | None:
    earlier = await list_earlier(pull_request)
    news = await find_news(notice.kind, pull_request, earlier, now)
    if isinstance(news, NoticeContent) and notice.round == pull_request.round and not was_sent(news, earlier):
        return LateNotice(pull_request=pull_request, kind=notice.kind, content=news)
    await current_database().execute(
        "DELETE FROM late_notice WHERE pull_request_id = $1 AND round = $2 AND kind = $3",
        notice.pull_request_id,
        notice.round,
        notice.kind,
    )
    if isinstance(news, Postpone):
        await queue.save(tell_author_job(notice.pull_request_id, notice.kind).runs_at(news.until))
    return None
