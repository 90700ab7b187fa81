"""Installations and repositories in Postgres. Uses the ambient database and transaction."""

import json
from collections.abc import Iterable
from datetime import datetime

from bot.github.model import Account, Repository
from bot.model import InstallationId, PullRequestId, RepositoryId, Value, WorkspaceId
from jobq import current_database


class Address(Value):
    """Where GitHub's API finds a pull request, and through which installation."""

    installation_id: InstallationId
    repository: str
    number: int


class NamedRepository(Value):
    """Whose a repository is, and what it is called now."""

    workspace_id: WorkspaceId
    full_name: str


class StandingInstallation(Value):
    """An installation that is neither deleted nor suspended. `account` is whose repositories it sees."""

    workspace_id: WorkspaceId
    account: str
    repositories: tuple[str, ...]


async def find_first_workspace() -> WorkspaceId:
    """The workspace whose credentials are in the environment."""
    return WorkspaceId(await current_database().fetchval("SELECT min(id) FROM workspace"))


async def find_address(pull_request_id: PullRequestId) -> Address | None:
    """None where Ripe has no access any more: uninstalled, suspended, or the repository was taken away."""
    row = await current_database().fetchrow(
        """
        SELECT repository.installation_id, repository.full_name AS repository, pull_request.number
        FROM pull_request
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        WHERE pull_request.id = $1 AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
        """,
        pull_request_id,
    )
    return Address.model_validate(dict(row)) if row else None


async def find_named_repository(
    installation_id: InstallationId, repository_id: RepositoryId
) -> NamedRepository | None:
    """None where this installation does not see it any more."""
    row = await current_database().fetchrow(
        """
        SELECT repository.workspace_id, repository.full_name
        FROM repository JOIN installation ON installation.id = repository.installation_id
        WHERE repository.id = $2 AND installation.id = $1 AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
        """,
        installation_id,
        repository_id,
    )
    return NamedRepository.model_validate(dict(row)) if row else None


async def find_standing_installation(installation_id: InstallationId) -> StandingInstallation | None:
    """With the names of its repositories. None where it is deleted or suspended."""
    row = await current_database().fetchrow(
        """
        SELECT workspace_id, coalesce(account_login, '') AS account, ARRAY(
            SELECT full_name FROM repository
            WHERE installation_id = installation.id AND removed_at IS NULL ORDER BY lower(full_name)
        ) AS repositories
        FROM installation WHERE id = $1 AND deleted_at IS NULL AND suspended_at IS NULL
        """,
        installation_id,
    )
    return StandingInstallation.model_validate(dict(row)) if row else None


async def find_any_installation(workspace_id: WorkspaceId) -> InstallationId | None:
    """An installation in good standing, for questions that any of them may ask."""
    found = await current_database().fetchval(
        "SELECT id FROM installation"
        " WHERE workspace_id = $1 AND deleted_at IS NULL AND suspended_at IS NULL ORDER BY id LIMIT 1",
        workspace_id,
    )
    return InstallationId(found) if found is not None else None


async def save_installation(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    account: Account | None = None,
    permissions: dict[str, str] | None = None,
) -> None:
    """Records an installation, or what is new about it. What is None stays as it was."""
    await current_database().execute(
        """
        INSERT INTO installation (workspace_id, id, account_id, account_login, permissions)
        VALUES ($1, $2, $3, $4, coalesce($5::jsonb, '{}'))
        ON CONFLICT (id) DO UPDATE SET
            account_id = coalesce(excluded.account_id, installation.account_id),
            account_login = coalesce(excluded.account_login, installation.account_login),
            permissions = coalesce($5::jsonb, installation.permissions)
        """,
        workspace_id,
        installation_id,
        account.id if account else None,
        account.login if account else None,
        json.dumps(permissions) if permissions is not None else None,
    )


async def mark_installation(
    installation_id: InstallationId, *, suspended_at: datetime | None, deleted_at: datetime | None
) -> None:
    await current_database().execute(
        "UPDATE installation SET suspended_at = $2, deleted_at = $3 WHERE id = $1",
        installation_id,
        suspended_at,
        deleted_at,
    )


async def save_repositories(
    workspace_id: WorkspaceId, installation_id: InstallationId, repositories: Iterable[Repository]
) -> None:
    """Records repositories that an installation may see, under the names they have now."""
    await current_database().executemany(
        """
        INSERT INTO repository (workspace_id, id, installation_id, full_name) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET installation_id = excluded.installation_id,
            full_name = excluded.full_name, removed_at = NULL
        """,
        [(workspace_id, repository.id, installation_id, repository.full_name) for repository in repositories],
    )


async def meet_repository(
    workspace_id: WorkspaceId, installation_id: InstallationId, repository: Repository
) -> bool:
    """Records what a fact tells of its repository; whether it is (still) ours to look at.

    A fact may overtake the news of its installation, so it can be the first we hear of either.
    """
    await save_installation(workspace_id, installation_id)
    return bool(
        await current_database().fetchval(
            """
            INSERT INTO repository (workspace_id, id, installation_id, full_name) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO UPDATE SET full_name = excluded.full_name
            RETURNING removed_at IS NULL
            """,
            workspace_id,
            repository.id,
            installation_id,
            repository.full_name,
        )
    )


async def remove_repositories(repository_ids: Iterable[RepositoryId], at: datetime) -> None:
    await current_database().execute(
        "UPDATE repository SET removed_at = $2 WHERE id = ANY($1::bigint[])", list(repository_ids), at
    )


async def list_repository_ids(installation_id: InstallationId) -> tuple[RepositoryId, ...]:
    rows = await current_database().fetch(
        "SELECT id FROM repository WHERE installation_id = $1 AND removed_at IS NULL", installation_id
    )
    return tuple(RepositoryId(row["id"]) for row in rows)
