"""Compares GitHub's answers about an installation with what is stored. The differences become facts."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from bot.github.inspection import ListedInstallation
from bot.github.model import (
    Account,
    InstallationAction,
    InstallationFact,
    RepositoriesFact,
    Repository,
    RepositoryAction,
    RepositoryFact,
    RepositoryPage,
)
from bot.github.polling import PolledInstallation
from bot.model import AccountId, InstallationId, Value

NOBODY = Account(id=AccountId(0), login="an account that is gone")


class GitHub(Protocol):
    """The calls to GitHub that a listing makes."""

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage: ...


class ListedRepositories(Value):
    """The repositories that an installation sees. If `is_whole` is false, there may be others."""

    repositories: tuple[Repository, ...]
    is_whole: bool


async def list_repositories(github: GitHub, installation_id: InstallationId) -> ListedRepositories:
    """Reads all pages. While one reads, repositories may move from page to page, and one be missed."""
    seen: dict[int, Repository] = {}
    is_whole, archived, number = True, 0, 1
    while True:
        page = await github.list_repositories(installation_id, number)
        seen |= {repository.id: repository for repository in page.repositories}
        is_whole, archived = is_whole and not page.unreadable, archived + page.archived
        if page.is_last:
            is_whole = is_whole and page.total in (None, len(seen) + archived)
            return ListedRepositories(repositories=tuple(seen.values()), is_whole=is_whole)
        number += 1


def installation_facts(
    listed: ListedInstallation, stored: PolledInstallation | None
) -> Iterable[InstallationFact]:
    """The facts that make the stored installation like GitHub's."""
    if stored is None or stored.account is None:
        yield installation_fact(listed, InstallationAction.CREATED)
    elif (listed.permissions, listed.account or stored.account) != (stored.permissions, stored.account):
        yield installation_fact(listed, InstallationAction.NEW_PERMISSIONS_ACCEPTED)
    if listed.is_suspended != (stored is not None and stored.is_suspended):
        action = InstallationAction.SUSPEND if listed.is_suspended else InstallationAction.UNSUSPEND
        yield installation_fact(listed, action)


def installation_fact(
    installation: ListedInstallation | PolledInstallation, action: InstallationAction
) -> InstallationFact:
    return InstallationFact(
        action=action,
        installation_id=installation.id,
        account=installation.account or NOBODY,
        permissions=installation.permissions,
    )


def repository_facts(
    installation_id: InstallationId,
    account: Account | None,
    listed: ListedRepositories,
    stored: Sequence[Repository],
) -> list[RepositoriesFact | RepositoryFact]:
    """The facts that make the stored repositories like GitHub's."""
    names = {repository.id: repository.full_name for repository in stored}
    seen_ids = {repository.id for repository in listed.repositories}
    facts: list[RepositoriesFact | RepositoryFact] = [
        RepositoryFact(
            action=RepositoryAction.RENAMED, installation_id=installation_id, repository=repository
        )
        for repository in listed.repositories
        if names.get(repository.id, repository.full_name) != repository.full_name
    ]
    added = tuple(repository for repository in listed.repositories if repository.id not in names)
    unseen = tuple(repository for repository in stored if repository.id not in seen_ids)
    removed = unseen if listed.is_whole else ()
    if added or removed:
        facts.append(
            RepositoriesFact(installation_id=installation_id, account=account, added=added, removed=removed)
        )
    return facts
