"""Applies a fact about an installation of the App, or about the repositories that it sees."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.flows.account_forgetting import KEPT_FOR
from bot.flows.catalog import (
    backfill_repository_job,
    forget_installation_job,
    greet_installer_job,
    sync_pull_request_job,
)
from bot.flows.change import AppliedChange
from bot.flows.repositories import add_repositories, leave_repositories, register_repository
from bot.flows.visibility import list_on_hold, put_on_hold
from bot.github.access import remember_account
from bot.github.model import (
    Account,
    InstallationAction,
    InstallationFact,
    RepositoriesFact,
    Repository,
    RepositoryAction,
    RepositoryFact,
)
from bot.github.store import (
    is_installed,
    list_repository_ids,
    mark_installation,
    save_installation,
)
from bot.model import InstallationId, RepositoryId, WorkspaceId
from jobq import Job


async def apply_installation_fact(
    workspace_id: WorkspaceId, fact: InstallationFact, heard_at: datetime, now: datetime
) -> AppliedChange:
    """Stores the state of an installation. Call it in a transaction, and save the jobs in the same one.

    `heard_at` is when its delivery came.
    """
    await save_installation(workspace_id, fact.installation_id, fact.account, fact.permissions or None)
    await _remember(workspace_id, fact.account, now)
    match fact.action:
        case InstallationAction.CREATED:
            jobs = await _begin(workspace_id, fact, heard_at)
        case InstallationAction.DELETED:
            jobs = await _end(fact.installation_id, now)
        case InstallationAction.SUSPEND:
            jobs = await _suspend(fact.installation_id, now)
        case InstallationAction.UNSUSPEND:
            jobs = await _unsuspend(workspace_id, fact, heard_at)
        case InstallationAction.NEW_PERMISSIONS_ACCEPTED:
            jobs = ()  # the permissions were saved above
    return AppliedChange(f"{fact.action} on {fact.account.login if fact.account else 'an account'}", jobs)


async def apply_repositories_fact(
    workspace_id: WorkspaceId, fact: RepositoriesFact, heard_at: datetime, now: datetime
) -> AppliedChange:
    """Stores which repositories an installation sees now. See apply_installation_fact."""
    identity = fact.installation_id
    await save_installation(workspace_id, identity, fact.account)
    await _remember(workspace_id, fact.account, now)
    added = await _add(workspace_id, identity, fact.added, heard_at)
    removed = await leave_repositories(identity, (repository.id for repository in fact.removed), now)
    return AppliedChange(f"{len(fact.added)} added, {len(fact.removed)} removed", (*added, *removed))


async def apply_repository_fact(
    workspace_id: WorkspaceId, fact: RepositoryFact, heard_at: datetime, now: datetime
) -> AppliedChange:
    """Stores the name of a repository, or whether people work in it. See apply_installation_fact."""
    identity, repository = fact.installation_id, fact.repository
    match fact.action:
        case RepositoryAction.RENAMED:
            jobs = (await register_repository(workspace_id, identity, repository, heard_at)).jobs
        case RepositoryAction.TRANSFERRED:
            jobs = await _transfer(workspace_id, identity, repository, heard_at)
        case RepositoryAction.DELETED | RepositoryAction.ARCHIVED:
            jobs = await leave_repositories(identity, [repository.id], now)
        case RepositoryAction.UNARCHIVED:
            await save_installation(workspace_id, identity)
            jobs = await _add(workspace_id, identity, [repository], heard_at)
    return AppliedChange(f"{repository.full_name} {fact.action}", jobs)


async def _remember(workspace_id: WorkspaceId, account: Account | None, now: datetime) -> None:
    """Ripe works for this account, so its next installation belongs here as well."""
    if account is not None and account.id > 0:
        await remember_account(workspace_id, account, now)


async def _begin(workspace_id: WorkspaceId, fact: InstallationFact, heard_at: datetime) -> tuple[Job, ...]:
    added = await _add(workspace_id, fact.installation_id, fact.repositories, heard_at)
    if fact.sender is None:
        return added
    return (*added, greet_installer_job(fact.installation_id, fact.sender.id))


async def _end(installation_id: InstallationId, now: datetime) -> tuple[Job, ...]:
    await mark_installation(installation_id, deleted_at=now)
    left = await leave_repositories(installation_id, await list_repository_ids(installation_id), now)
    return (*left, forget_installation_job(installation_id).runs_at(now + KEPT_FOR))


async def _suspend(installation_id: InstallationId, now: datetime) -> tuple[Job, ...]:
    await mark_installation(installation_id, suspended_at=now)
    await put_on_hold(installation_id)
    return ()


async def _unsuspend(
    workspace_id: WorkspaceId, fact: InstallationFact, heard_at: datetime
) -> tuple[Job, ...]:
    identity = fact.installation_id
    await mark_installation(identity, suspended_at=None)
    on_hold = await list_on_hold(identity)
    syncs = [sync_pull_request_job(pull_request_id, identity) for pull_request_id in on_hold]
    added = await _add(workspace_id, identity, fact.repositories, heard_at)
    # Pull requests were opened during the suspension, and the event need not list the repositories.
    return (*syncs, *added, *_backfill(identity, await list_repository_ids(identity)))


async def _transfer(
    workspace_id: WorkspaceId, installation_id: InstallationId, repository: Repository, heard_at: datetime
) -> tuple[Job, ...]:
    """GitHub sends this to the new owner's installation. The old one may have lost the repository already."""
    registered = await register_repository(workspace_id, installation_id, repository, heard_at)
    if not registered.is_visible:
        return registered.jobs
    return (*registered.jobs, backfill_repository_job(installation_id, repository.id))


async def _add(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    repositories: Sequence[Repository],
    heard_at: datetime,
) -> tuple[Job, ...]:
    """Ripe may look at these, so it reads the pull requests that are open there."""
    if not await is_installed(installation_id):
        return ()  # the fact comes after the deletion
    renames = await add_repositories(workspace_id, installation_id, repositories, heard_at)
    return (*renames, *_backfill(installation_id, (repository.id for repository in repositories)))


def _backfill(installation_id: InstallationId, repository_ids: Iterable[RepositoryId]) -> tuple[Job, ...]:
    return tuple(backfill_repository_job(installation_id, identity) for identity in repository_ids)
