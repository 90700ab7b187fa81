"""Asks GitHub which repositories an installation sees, and has those polled that have waited longest."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows.catalog import poll_repository_job
from bot.flows.polled_facts import PolledFact, take_polled_fact
from bot.github.model import (
    Account,
    RefusedError,
    RepositoriesFact,
    Repository,
    RepositoryAction,
    RepositoryFact,
    RepositoryPage,
)
from bot.github.polling import (
    REPOSITORIES_A_POLL,
    find_polled_installation,
    list_longest_unpolled,
    list_polled_repositories,
)
from bot.model import InstallationId
from jobq import ClaimedJob, Discard, Queue


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage: ...


class Arguments(BaseModel):
    installation_id: InstallationId


async def poll_installation(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """Stores repositories that came, went or were renamed, and queues a look at some, a job each."""
    identity, asked_at = job.read(Arguments).installation_id, clock.now()
    try:
        seen, is_whole = await _list_repositories(github, identity)
    except RefusedError as error:
        return Discard(f"GitHub does not show it: {error}")
    installation = await find_polled_installation(identity)
    if installation is None or installation.account is None:
        return Discard("not installed any more, or not in a workspace yet")
    stored = await list_polled_repositories(identity)
    for fact in _facts(identity, installation.account, seen, stored, is_whole=is_whole):
        await take_polled_fact(fact, asked_at, queue)
    due = await list_longest_unpolled(identity, REPOSITORIES_A_POLL)
    await queue.save_all(poll_repository_job(identity, repository_id) for repository_id in due)
    return None


async def _list_repositories(
    github: GitHub, installation_id: InstallationId
) -> tuple[list[Repository], bool]:
    """The repositories, and whether that is all of them: some may be unreadable."""
    seen: list[Repository] = []
    is_whole = True
    number = 1
    while True:
        page = await github.list_repositories(installation_id, number)
        seen += page.repositories
        is_whole = is_whole and not page.unreadable
        if page.is_last:
            return seen, is_whole
        number += 1


def _facts(
    installation_id: InstallationId,
    account: Account,
    seen: Sequence[Repository],
    stored: Sequence[Repository],
    *,
    is_whole: bool,
) -> list[PolledFact]:
    names = {repository.id: repository.full_name for repository in stored}
    seen_ids = {repository.id for repository in seen}
    facts: list[PolledFact] = [
        RepositoryFact(
            action=RepositoryAction.RENAMED, installation_id=installation_id, repository=repository
        )
        for repository in seen
        if names.get(repository.id, repository.full_name) != repository.full_name
    ]
    added = tuple(repository for repository in seen if repository.id not in names)
    unseen = tuple(repository for repository in stored if repository.id not in seen_ids)
    removed = unseen if is_whole else ()
    if added or removed:
        facts.append(
            RepositoriesFact(installation_id=installation_id, account=account, added=added, removed=removed)
        )
    return facts
