"""Reads what was open in a repository before Ripe came: one page, which is followed by a job for the next.

It tells nobody. What it finds is held until something happens to it, or until the one DM that lists it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows.catalog import backfill_repository_job, remind_reviewer_job, sync_pull_request_job
from bot.flows.change import lock_known
from bot.flows.digests import schedule_digests_for
from bot.github.model import AccessLost, NotFound, PullRequestPage, PullRequestSnapshot
from bot.github.store import find_named_repository
from bot.model import InstallationId, RepositoryId, WorkspaceId
from bot.people.store import find_person_by_account
from bot.reviews import backlog, rules, store
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Queue, write_transaction

log = structlog.get_logger()

TOUCHED_WITHIN = timedelta(days=14)
"""Older pull requests are known once something happens to them."""


class GitHub(Protocol):
    """What this job asks of GitHub."""

    async def list_open_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage: ...


class Arguments(BaseModel):
    installation_id: InstallationId
    repository_id: RepositoryId
    page: int


async def backfill_repository(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock
) -> Discard | None:
    """Stores one page of open pull requests with who is asked for their review.

    A page read twice does no harm. What is closed between two pages may move one pull request past us: it is
    known with its next fact.
    """
    arguments = job.read(Arguments)
    repository = await find_named_repository(arguments.installation_id, arguments.repository_id)
    if repository is None:
        return Discard("no access to this repository any more")
    try:
        page = await github.list_open_pull_requests(
            arguments.installation_id, repository.full_name, arguments.page
        )
    except (NotFound, AccessLost) as error:
        return Discard(f"GitHub does not show it: {error}")
    oldest = clock.now() - TOUCHED_WITHIN
    touched = [one for one in page.pull_requests if one.updated_at >= oldest]
    for snapshot in touched:
        # A name may have gone over to another repository since we learned it.
        if snapshot.repository.id == arguments.repository_id:
            await _store(snapshot, arguments, queue, clock.now())
    is_last = page.is_last or len(touched) < len(page.pull_requests)
    if not is_last:
        await queue.save(
            backfill_repository_job(arguments.installation_id, arguments.repository_id, arguments.page + 1)
        )
    log.info(
        "open pull requests read",
        repository=repository.full_name,
        page=arguments.page,
        found=len(touched),
        is_last=is_last,
    )
    return None


@write_transaction
async def _store(snapshot: PullRequestSnapshot, arguments: Arguments, queue: Queue, now: datetime) -> None:
    """The pull request and its requests as GitHub's own answer shows them, if we may still see it."""
    repository = await find_named_repository(arguments.installation_id, arguments.repository_id)
    if repository is None:
        return
    known = await lock_known(snapshot.id)
    if known is not None and snapshot.updated_at < known.updated_at:
        return
    if known is not None and snapshot.updated_at == known.updated_at and known.state is not snapshot.state:
        await queue.save(sync_pull_request_job(known.id))
        return
    told = known.told if known is not None and known.updated_at == snapshot.updated_at else frozenset[str]()
    after = rules.apply_snapshot(known, repository.workspace_id, snapshot, told | {rules.SYNCED})
    await store.save_pull_request(after)
    opened = await store.list_open_requests(after.id)
    change = rules.change_by_snapshot(
        after, None, snapshot.requested, opened, await store.list_replied(after)
    )
    await _record(after, change, queue, now)


async def _record(after: PullRequest, change: rules.Change, queue: Queue, now: datetime) -> None:
    """Opens and closes requests. Nobody hears of those it opens, nor of reviewers whom nobody knows."""
    for request, reason in change.closed:
        await store.close_review_request(request.id, reason, after.updated_at)
    found = [await store.open_review_request(after, one, after.updated_at) for one in change.opened]
    silent = [request_id for request_id in found if request_id is not None]
    for request_id in silent:
        await store.snooze_request(request_id, None, until_change=True)
    await backlog.insert_entries(after.workspace_id, silent, now)
    touched = [*silent, *(request.id for request, _ in change.closed)]
    await queue.save_all(remind_reviewer_job(request_id) for request_id in touched)
    if silent:
        # The list tells nothing of reviews: whether anybody is still needed, only the pull request itself.
        await queue.save(sync_pull_request_job(after.id))
    await _schedule_digests(after.workspace_id, change.opened, queue, now)


async def _schedule_digests(
    workspace_id: WorkspaceId, asked: Iterable[rules.Requested], queue: Queue, now: datetime
) -> None:
    people = [await find_person_by_account(workspace_id, one.account.id) for one in asked]
    await schedule_digests_for((person.id for person in people if person is not None), queue, now)
