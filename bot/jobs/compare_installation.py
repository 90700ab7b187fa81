"""Compares an installation and its repositories with GitHub, and stores GitHub's answer.

Its webhooks have no date, so only GitHub knows which came last: each is followed by this job, a minute later,
because GitHub's API may lag behind its webhooks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, assert_never

import structlog

from bot.clock import Clock
from bot.flows.account_access import admit
from bot.flows.catalog import compare_repository_job, sync_pull_request_job
from bot.flows.change import AppliedChange
from bot.flows.installation_facts import (
    apply_installation_fact,
    apply_repositories_fact,
    apply_repository_fact,
)
from bot.flows.visibility import list_on_hold
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.differences import (
    ListedRepositories,
    installation_fact,
    installation_facts,
    list_repositories,
    repository_facts,
)
from bot.github.inspection import ListedInstallation, find_installation
from bot.github.model import (
    InstallationAction,
    InstallationFact,
    RefusedError,
    RepositoriesFact,
    RepositoryFact,
    RepositoryPage,
)
from bot.github.polling import list_polled_repositories, lock_installation
from bot.github.store import list_repository_ids, revive_installation
from bot.github.watch import record_compared_installation
from bot.model import InstallationId, Parsed, Value, WorkspaceId
from jobq import ClaimedJob, Discard, Queue, current_database, write_transaction

log = structlog.get_logger()

STAGGER_MINUTES = 1 / 60
"""Between the looks at two repositories of an installation."""


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    def leave_half(self, installation_id: InstallationId | None) -> None: ...

    async def load_as_app(self, path: str) -> Any: ...

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage: ...


class Arguments(Parsed):
    installation_id: InstallationId
    is_whole: bool


class _Answer(Value):
    """GitHub's answer. Without an installation it is uninstalled, without repositories it is suspended."""

    installation: ListedInstallation | None
    repositories: ListedRepositories | None = None


async def compare_installation(
    job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock
) -> Discard | None:
    """Stores each difference as a fact. With `is_whole`, each repository is compared as well."""
    arguments, asked_at = job.read(Arguments), clock.now()
    identity = arguments.installation_id
    workspace_id = await find_workspace_of_installation(identity)
    if workspace_id is None:
        workspace_id = await _admit(github, identity, queue, asked_at)
    if workspace_id is None:
        return Discard("belongs to no workspace, or waits for an admin")
    if arguments.is_whole:
        github.leave_half(None)
        github.leave_half(identity)
    try:
        answer = await _ask(github, identity)
    except RefusedError as error:
        return Discard(f"GitHub does not show it: {error}")
    mended = await _mend(workspace_id, identity, answer, asked_at, queue)
    if arguments.is_whole and answer.repositories is not None:
        await _compare_repositories(identity, queue)
    log.info("installation compared", installation_id=identity, mended=mended)
    return None


async def _admit(
    github: GitHub, installation_id: InstallationId, queue: Queue, now: datetime
) -> WorkspaceId | None:
    """The workspace in which GitHub's account of this installation is allowed. None: it is in none."""
    listed = await find_installation(github, installation_id)
    if listed is None or listed.account is None:
        return None
    workspace_id = await find_workspace_of_installation(installation_id, listed.account.id)
    if workspace_id is None:
        async with current_database().transaction():
            workspace_id = await admit(installation_fact(listed, InstallationAction.CREATED), queue, now)
    return workspace_id


async def _ask(github: GitHub, installation_id: InstallationId) -> _Answer:
    installation = await find_installation(github, installation_id)
    if installation is None or installation.is_suspended:
        return _Answer(installation=installation)
    return _Answer(installation=installation, repositories=await list_repositories(github, installation_id))


@write_transaction
async def _mend(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    answer: _Answer,
    asked_at: datetime,
    queue: Queue,
) -> Sequence[str]:
    """Applies each difference, and returns it in a few words.

    A fact that was applied since GitHub was asked has saved this job again, so the next answer wins.
    """
    notes: list[str] = []
    for fact in await _list_differences(installation_id, answer):
        applied = await _apply(workspace_id, fact, asked_at)
        await queue.save_all(applied.jobs)
        notes.append(applied.note)
    await record_compared_installation(installation_id, asked_at, len(notes))
    return notes


async def _list_differences(
    installation_id: InstallationId, answer: _Answer
) -> Sequence[InstallationFact | RepositoriesFact | RepositoryFact]:
    stored, listed = await lock_installation(installation_id), answer.installation
    if listed is None:
        is_here = stored is not None and not stored.is_deleted
        return [installation_fact(stored, InstallationAction.DELETED)] if stored and is_here else []
    facts: list[InstallationFact | RepositoriesFact | RepositoryFact] = []
    if stored is not None and stored.is_deleted:
        await revive_installation(installation_id)
        facts.append(installation_fact(listed, InstallationAction.CREATED))
    facts += installation_facts(listed, stored)
    if answer.repositories is not None:
        repositories = await list_polled_repositories(installation_id)
        facts += repository_facts(installation_id, listed.account, answer.repositories, repositories)
    return facts


async def _apply(
    workspace_id: WorkspaceId,
    fact: InstallationFact | RepositoriesFact | RepositoryFact,
    asked_at: datetime,
) -> AppliedChange:
    match fact:
        case InstallationFact():
            return await apply_installation_fact(workspace_id, fact, asked_at, asked_at)
        case RepositoriesFact():
            return await apply_repositories_fact(workspace_id, fact, asked_at, asked_at)
        case RepositoryFact():
            return await apply_repository_fact(workspace_id, fact, asked_at, asked_at)
        case _ as never:
            assert_never(never)


async def _compare_repositories(installation_id: InstallationId, queue: Queue) -> None:
    ids = await list_repository_ids(installation_id)
    # A list may show those on hold as they are stored; they wait for an answer all the same.
    held = await list_on_hold(installation_id)
    await queue.save_all(sync_pull_request_job(each, installation_id) for each in held)
    await queue.save_all(
        compare_repository_job(installation_id, repository_id).runs_in(minutes=place * STAGGER_MINUTES)
        for place, repository_id in enumerate(ids)
    )
