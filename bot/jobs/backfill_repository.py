"""Reads a page of the pull requests that were open in a repository before Ripe was installed.

Nobody is notified of their requests until something changes about them, except in one DM that lists them all.
The next page is a job of its own.
"""

from datetime import datetime
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows.catalog import backfill_repository_job, remind_reviewer_job, sync_pull_request_job
from bot.flows.digests import schedule_digests_for
from bot.flows.follow_names import Sighting, follow_logins
from bot.flows.obstacles import About, Call, noting_obstacles
from bot.github.model import UNDATED, PullRequestPage, PullRequestSnapshot, RefusedError
from bot.github.store import find_visible_repository, lock_repositories
from bot.model import InstallationId, Parsed, RepositoryId
from bot.reviews import backlog, rules, store
from bot.reviews.backlog import TOUCHED_WITHIN
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Job, Queue, write_transaction

log = structlog.get_logger()


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    async def list_open_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage: ...


class Arguments(Parsed):
    installation_id: InstallationId
    repository_id: RepositoryId
    page: int


async def backfill_repository(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock
) -> Discard | None:
    """Stores a page of open pull requests and their requests. The same page may be read again.

    If a pull request is closed between two pages, another one moves to the page that was read before. It is
    stored with its next fact.
    """
    arguments = job.read(Arguments)
    repository = await find_visible_repository(arguments.installation_id, arguments.repository_id)
    if repository is None:
        return Discard("no access to this repository any more")
    try:
        about = About(installation_id=arguments.installation_id)
        async with noting_obstacles(about, Call.PULL_REQUESTS, clock):
            page = await github.list_open_pull_requests(
                arguments.installation_id, repository.full_name, arguments.page
            )
    except RefusedError as error:
        return Discard(f"GitHub does not show it: {error}")
    oldest = clock.now() - TOUCHED_WITHIN
    dated = [seen for seen in page.pull_requests if seen.updated_at != UNDATED]
    touched = [seen for seen in dated if seen.updated_at >= oldest]
    for snapshot in touched:
        # Another repository may have taken over the name since it was stored.
        if snapshot.repository.id == arguments.repository_id:
            await _store(snapshot, arguments, queue, clock.now())
    is_last = page.is_last or len(touched) < len(dated)
    if not is_last:
        await queue.save(
            backfill_repository_job(arguments.installation_id, arguments.repository_id, arguments.page + 1)
        )
    log.info(
        "open pull requests read",
        repository=repository.full_name,
        page=arguments.page,
        pull_requests=len(touched),
        is_last=is_last,
    )
    return None


@write_transaction
async def _store(snapshot: PullRequestSnapshot, arguments: Arguments, queue: Queue, now: datetime) -> None:
    """The pull request and its requests as GitHub's own answer shows them, if Ripe may still look at it."""
    # The lock comes first: nobody removes the repository meanwhile, or stores the same new pull request.
    await lock_repositories([arguments.repository_id])
    repository = await find_visible_repository(arguments.installation_id, arguments.repository_id)
    if repository is None:
        return
    stored = await store.lock_pull_request(snapshot.id)
    if stored is not None and snapshot.updated_at < stored.updated_at:
        return
    if stored and snapshot.updated_at == stored.updated_at and snapshot.state is not stored.state:
        await queue.save(sync_pull_request_job(stored.id, arguments.installation_id))
        return
    after = rules.apply_answer(stored, repository.workspace_id, snapshot)
    await store.save_pull_request(after)
    requests, replies = (await store.list_open_requests_with_replies([after])).get(after.id, store.Asked())
    sighting = Sighting(after.workspace_id, snapshot.accounts, requests, snapshot.updated_at)
    [owners] = await follow_logins([sighting])
    change = rules.change_by_snapshot(
        after, None, snapshot.requested, requests, replies, is_partial=snapshot.is_partial
    )
    await queue.save_all(await _record(after, change, arguments.installation_id, now))
    people = {owners[asked.account.id] for asked in change.opened if asked.account.id in owners}
    await schedule_digests_for(people, queue, now)


async def _record(
    after: PullRequest, change: rules.Change, installation_id: InstallationId, now: datetime
) -> list[Job]:
    """Closes and opens requests. Opens them silently: no DM about them, and none to the author."""
    closed = [(request.id, reason) for request, reason in change.closed]
    await store.close_review_requests(closed, after.updated_at)
    opened = await store.open_review_requests(after, change.opened, after.updated_at)
    jobs = [remind_reviewer_job(request_id, after.workspace_id) for request_id in (*opened, *dict(closed))]
    if opened:
        await store.silence_requests(opened)
        await backlog.insert_entries(after.workspace_id, opened, now)
        # The list shows no reviews: only the pull request itself says whether anybody is still needed.
        jobs.append(sync_pull_request_job(after.id, installation_id))
    return jobs
