"""Stores which repositories Ripe may look at and how GitHub calls them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.flows.catalog import compare_installation_job, remind_reviewer_job
from bot.flows.follow_names import follow_rename
from bot.github import store as github
from bot.github.model import Repository
from bot.github.store import NamedRepository, StoredRepository
from bot.github.watch import follow_repositories
from bot.model import InstallationId, RepositoryId, WorkspaceId
from bot.reviews.store import close_requests_of_repositories, delete_pull_requests_of, list_newest_updates
from jobq import Job

ASK_AFTER_MINUTES = 1
"""GitHub is asked about doubtful events this much later, because its API may lag behind its webhooks."""


@dataclass(frozen=True)
class RegisteredRepository:
    """Whether Ripe may look at a repository, and the jobs to save.

    It may have been renamed. If GitHub sends a fact about something that Ripe holds for unknown, suspended or
    removed, GitHub is asked.
    """

    is_visible: bool
    jobs: tuple[Job, ...] = ()


async def register_repository(
    workspace_id: WorkspaceId, installation_id: InstallationId, repository: Repository, at: datetime
) -> RegisteredRepository:
    """Stores how a fact of `at` names its repository. Nobody else changes its row until the transaction ends.

    A fact may arrive before the webhook about its installation, so neither needs to be stored.
    """
    is_new = await github.save_installation(workspace_id, installation_id)
    before = await _lock([repository.id])
    await _take_over(workspace_id, before, at)
    recorded = await github.record_repository(workspace_id, installation_id, repository, at)
    if recorded is None:
        return RegisteredRepository(is_visible=False)
    jobs = await _follow_renames(workspace_id, before, {repository.id: recorded.full_name})
    if is_new or _is_doubtful(recorded):
        jobs = (*jobs, _ask_about(installation_id))
    return RegisteredRepository(recorded.is_visible, jobs)


async def confirm_repositories(
    named: Iterable[NamedRepository],
) -> dict[NamedRepository, RegisteredRepository]:
    """Those that are stored just as facts name them, which is nearly always so: nothing is to be written.

    Nobody renames or removes them until the transaction ends. Register each of the others in a transaction of
    its own: registering needs a lock that is not shared, so two transactions that hold shared ones would wait
    for each other.
    """
    return {
        name: RegisteredRepository(
            confirmed.is_visible, (_ask_about(name.installation_id),) if _is_doubtful(confirmed) else ()
        )
        for name, confirmed in (await github.confirm_repositories(named)).items()
    }


def _is_doubtful(recorded: github.RecordedRepository) -> bool:
    return not recorded.is_visible or recorded.is_suspended


def _ask_about(installation_id: InstallationId) -> Job:
    return compare_installation_job(installation_id, is_whole=False).runs_in(minutes=ASK_AFTER_MINUTES)


async def _lock(repository_ids: Iterable[RepositoryId]) -> Sequence[StoredRepository]:
    """Those that are stored, with the time of the newest fact that used their names.

    A fact that confirms a name does not write that down; its pull request keeps when it was.
    """
    stored = await github.lock_repositories(repository_ids)
    newest = await list_newest_updates(repository.id for repository in stored) if stored else {}
    if not newest:
        return stored
    await github.record_naming(newest)
    return [
        each.model_copy(update={"named_at": max(each.named_at, newest.get(each.id, each.named_at))})
        for each in stored
    ]


async def add_repositories(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    repositories: Sequence[Repository],
    at: datetime,
) -> tuple[Job, ...]:
    """Stores that a stored installation saw these at `at`. Returns the jobs to save."""
    before = await _lock(repository.id for repository in repositories)
    await _take_over(workspace_id, before, at)
    names = await github.save_repositories(workspace_id, installation_id, repositories, at)
    await follow_repositories(names, at)
    return await _follow_renames(workspace_id, before, names)


async def leave_repositories(
    installation_id: InstallationId, repository_ids: Iterable[RepositoryId], now: datetime
) -> tuple[Job, ...]:
    """Stores that Ripe may not look at these any more. Returns the jobs that strike their DMs."""
    left = await github.remove_repositories(installation_id, repository_ids, now)
    closed = await close_requests_of_repositories(left, now)
    return tuple(remind_reviewer_job(request_id) for request_id in closed)


async def _take_over(workspace_id: WorkspaceId, before: Sequence[StoredRepository], at: datetime) -> None:
    """Forgets what another workspace knows of repositories that now belong to this one.

    A repository that the other workspace heard of after `at` stays there.
    """
    theirs = [stored.id for stored in before if stored.workspace_id != workspace_id and stored.named_at <= at]
    if theirs:
        await delete_pull_requests_of(theirs)
        await github.delete_repositories(theirs)


async def _follow_renames(
    workspace_id: WorkspaceId, before: Sequence[StoredRepository], names: Mapping[RepositoryId, str]
) -> tuple[Job, ...]:
    jobs: list[Job] = []
    for stored in before:
        name = names.get(stored.id, stored.full_name)
        if stored.workspace_id == workspace_id and name.lower() != stored.full_name.lower():
            jobs += await follow_rename(workspace_id, stored.full_name, name)
    return tuple(jobs)
