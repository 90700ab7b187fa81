"""Writes what changed about a pull request, together with the jobs it concerns."""

from collections.abc import Iterable
from datetime import datetime

from bot.flows.catalog import (
    remind_reviewer_job,
    tell_author_job,
)
from bot.model import PullRequestId, RepositoryId, RequestId
from bot.people.store import find_person_by_account
from bot.reminders.model import NoticeKind
from bot.reviews import store
from bot.reviews.model import CloseReason, PullRequest
from bot.reviews.rules import Change
from jobq import Queue, current_database

GRACE_MINUTES = 2
"""Humans and rules may still ask others, before the author hears that nobody is reachable."""


async def record_change(after: PullRequest, change: Change, at: datetime, queue: Queue) -> str:
    """Closes and opens requests as decided and wakes the job of every request that is, or was, open.

    `at` is when GitHub says it happened. Returns what changed, in a few words. Call it in a transaction that
    holds the pull request's lock.
    """
    touched = [request.id for request in await store.list_open_requests(after.id)]
    for request, reason in change.closed:
        await store.close_review_request(request.id, reason, at)
    opened = [await _open(after, change, index, at, queue) for index in range(len(change.opened))]
    touched += [request_id for request_id in opened if request_id is not None]
    await queue.save_all([remind_reviewer_job(request_id) for request_id in touched])
    words = [f"{requested.account.login} asked" for requested in change.opened]
    words += [f"{request.reviewer_login} {reason}" for request, reason in change.closed]
    return ", ".join(words)


async def _open(
    after: PullRequest, change: Change, index: int, at: datetime, queue: Queue
) -> RequestId | None:
    requested = change.opened[index]
    request_id = await store.open_review_request(after, requested, at)
    if await find_person_by_account(after.workspace_id, requested.account.id) is None:
        job = tell_author_job(after.id, NoticeKind.NOBODY_REACHABLE)
        await queue.save(job.runs_in(minutes=GRACE_MINUTES))
    return request_id


async def close_requests_of_repositories(
    repository_ids: Iterable[RepositoryId], at: datetime, queue: Queue
) -> None:
    """Ends every open request where we may not look any more, so that nothing more is sent about it."""
    rows = await current_database().fetch(
        """
        UPDATE review_request SET closed_at = $2, close_reason = $3
        FROM pull_request
        WHERE pull_request.id = review_request.pull_request_id
            AND pull_request.repository_id = ANY($1::bigint[]) AND review_request.closed_at IS NULL
        RETURNING review_request.id
        """,
        list(repository_ids),
        at,
        CloseReason.UNASSIGNED,
    )
    await queue.save_all([remind_reviewer_job(RequestId(row["id"])) for row in rows])


ASSIGN_AFTER_MINUTES = 1
"""Humans and CODEOWNERS go first."""


async def lock_known(pull_request_id: PullRequestId) -> PullRequest | None:
    """Locks a pull request until the transaction ends, also one that is not known yet (None)."""
    if (known := await store.lock_pull_request(pull_request_id)) is not None:
        return known
    # There is no row to lock yet, and two facts of a new pull request may come at once.
    await current_database().execute("SELECT pg_advisory_xact_lock($1)", pull_request_id)
    return await store.lock_pull_request(pull_request_id)
