"""Asks GitHub which repositories an installation sees, a page a job, and queues the reading of each.

The webhook of a new installation lists its repositories, but Ripe drops that webhook if the installation
belongs to no workspace yet. It asks for the list when the installation joins one.
"""

from datetime import datetime
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows.catalog import backfill_repository_job, enter_installation_job
from bot.flows.obstacles import About, Call, noting_obstacles
from bot.flows.repositories import add_repositories
from bot.github.model import RefusedError, RepositoryPage
from bot.github.store import find_active_installation
from bot.model import InstallationId, Parsed
from jobq import ClaimedJob, Discard, Queue, write_transaction

log = structlog.get_logger()


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage: ...


class Arguments(Parsed):
    installation_id: InstallationId
    page: int


async def enter_installation(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock
) -> Discard | None:
    """Stores a page of repositories. The same page may be read again."""
    arguments = job.read(Arguments)
    asked_at = clock.now()
    try:
        about = About(installation_id=arguments.installation_id)
        async with noting_obstacles(about, Call.REPOSITORIES, clock):
            page = await github.list_repositories(arguments.installation_id, arguments.page)
    except RefusedError as error:
        return Discard(f"GitHub does not show it: {error}")
    log.info(
        "repositories read", installation_id=arguments.installation_id, repositories=len(page.repositories)
    )
    return await _store(page, arguments, asked_at, queue)


@write_transaction
async def _store(
    page: RepositoryPage, arguments: Arguments, asked_at: datetime, queue: Queue
) -> Discard | None:
    identity = arguments.installation_id
    installation = await find_active_installation(identity)
    if installation is None:
        return Discard("not installed any more")
    renames = await add_repositories(installation.workspace_id, identity, page.repositories, asked_at)
    jobs = [*renames, *(backfill_repository_job(identity, repository.id) for repository in page.repositories)]
    if not page.is_last:
        jobs.append(enter_installation_job(identity, arguments.page + 1))
    await queue.save_all(jobs)
    return None
