"""Compares the open pull requests of a repository with GitHub. This costs a request for each hundred."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows.catalog import backfill_repository_job, compare_installation_job, sync_pull_request_job
from bot.flows.polled_facts import take_opened
from bot.github.model import (
    PullRequestPage,
    PullRequestSnapshot,
    RefusedError,
)
from bot.github.store import find_visible_repository
from bot.github.watch import find_followed_from, record_compared_repository
from bot.model import InstallationId, Parsed, RepositoryId
from bot.reviews.backlog import TOUCHED_WITHIN
from bot.reviews.comparison import compare, list_beliefs
from jobq import ClaimedJob, Discard, Queue

log = structlog.get_logger()


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    def leave_half(self, installation_id: InstallationId | None) -> None: ...

    async def list_open_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage: ...


class Arguments(Parsed):
    installation_id: InstallationId
    repository_id: RepositoryId


async def compare_repository(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock
) -> Discard | None:
    """Has each pull request synced that differs, and stores those that are new."""
    arguments, asked_at = job.read(Arguments), clock.now()
    identity, repository_id = arguments.installation_id, arguments.repository_id
    repository = await find_visible_repository(identity, repository_id)
    if repository is None:
        return Discard("no access to this repository any more")
    try:
        listed = await _list_open(github, identity, repository.full_name)
    except RefusedError as error:
        return Discard(f"GitHub does not show it: {error}")
    if any(snapshot.repository.id != repository_id for snapshot in listed):
        # Another repository has taken over the name.
        await queue.save(compare_installation_job(identity, is_whole=False))
        return None
    comparison = compare(await list_beliefs(repository_id, [each.id for each in listed]), listed)
    await queue.save_all(sync_pull_request_job(outdated, identity) for outdated in comparison.outdated)
    missed = [each for each in comparison.unknown if each.updated_at >= asked_at - TOUCHED_WITHIN]
    await _store_unknown(missed, arguments, asked_at, queue)
    mended = len(comparison.outdated) + len(missed)
    await record_compared_repository(repository_id, asked_at, mended)
    log.info("repository compared", repository=repository.full_name, mended=mended)
    return None


async def _list_open(
    github: GitHub, installation_id: InstallationId, repository: str
) -> list[PullRequestSnapshot]:
    """All that are open. If one is closed between two pages, another may be missing: then that is synced."""
    listed: dict[int, PullRequestSnapshot] = {}
    number = 1
    while True:
        github.leave_half(installation_id)
        page = await github.list_open_pull_requests(installation_id, repository, number)
        listed |= {snapshot.id: snapshot for snapshot in page.pull_requests}
        if page.is_last:
            return list(listed.values())
        number += 1


async def _store_unknown(
    unknown: Iterable[PullRequestSnapshot], arguments: Arguments, asked_at: datetime, queue: Queue
) -> None:
    """Those opened since the repository is followed are news. Older ones belong to its backlog."""
    installation_id, repository_id = arguments.installation_id, arguments.repository_id
    followed_from = await find_followed_from(repository_id)
    for snapshot in unknown:
        if followed_from is None or snapshot.created_at >= followed_from:
            await take_opened(snapshot, installation_id, asked_at, queue)
        else:
            await queue.save(backfill_repository_job(installation_id, repository_id))
