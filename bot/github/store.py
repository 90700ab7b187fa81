"""Installations and repositories in Postgres. Uses the ambient database and transaction."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from bot.github.model import Account, Repository
from bot.model import AccountId, InstallationId, RepositoryId, Value, WorkspaceId
from jobq import current_database

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Earlier than any fact."""


class ActiveInstallation(Value):
    """An installation that is neither deleted nor suspended. `account` is the login that it is on."""

    workspace_id: WorkspaceId
    account: str
    repositories: tuple[str, ...]


async def find_active_installation(installation_id: InstallationId) -> ActiveInstallation | None:
    """With the names of its repositories. None if it is deleted or suspended."""
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
    return ActiveInstallation.model_validate(dict(row)) if row else None


async def find_any_installation(workspace_id: WorkspaceId) -> InstallationId | None:
    """An active installation, for questions to GitHub that any of them may ask."""
    installation_id = await current_database().fetchval(
        "SELECT id FROM installation"
        " WHERE workspace_id = $1 AND deleted_at IS NULL AND suspended_at IS NULL ORDER BY id LIMIT 1",
        workspace_id,
    )
    return None if installation_id is None else InstallationId(installation_id)


async def list_installation_ids(workspace_id: WorkspaceId) -> tuple[InstallationId, ...]:
    """Every installation that joined this workspace, including those that were uninstalled."""
    rows = await current_database().fetch(
        "SELECT id FROM installation WHERE workspace_id = $1 ORDER BY id", workspace_id
    )
    return tuple(InstallationId(row["id"]) for row in rows)


async def list_installations_on(
    workspace_id: WorkspaceId, account_id: AccountId
) -> tuple[InstallationId, ...]:
    """The installations on an account that were not deleted, oldest first."""
    rows = await current_database().fetch(
        "SELECT id FROM installation WHERE workspace_id = $1 AND account_id = $2 AND deleted_at IS NULL"
        " ORDER BY id",
        workspace_id,
        account_id,
    )
    return tuple(InstallationId(row["id"]) for row in rows)


async def is_installed(installation_id: InstallationId) -> bool:
    """Whether it is stored and was not deleted. It may be suspended."""
    is_stored: bool = await current_database().fetchval(
        "SELECT EXISTS (SELECT FROM installation WHERE id = $1 AND deleted_at IS NULL)", installation_id
    )
    return is_stored


async def save_installation(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    account: Account | None = None,
    permissions: dict[str, str] | None = None,
) -> bool:
    """Inserts or updates an installation. An argument that is None keeps its stored value.

    Returns whether it is new.
    """
    is_new: bool = await current_database().fetchval(
        """
        INSERT INTO installation (workspace_id, id, account_id, account_login, permissions)
        VALUES ($1, $2, $3, $4, coalesce($5::jsonb, '{}'))
        ON CONFLICT (id) DO UPDATE SET
            account_id = coalesce(excluded.account_id, installation.account_id),
            account_login = coalesce(excluded.account_login, installation.account_login),
            permissions = coalesce($5::jsonb, installation.permissions)
        RETURNING xmax = 0
        """,
        workspace_id,
        installation_id,
        account.id if account else None,
        account.login if account else None,
        json.dumps(permissions) if permissions is not None else None,
    )
    return is_new


async def mark_installation(
    installation_id: InstallationId,
    *,
    suspended_at: datetime | None = None,
    deleted_at: datetime | None = None,
) -> None:
    """Records whether it is suspended or deleted. A deletion is final: GitHub never uses an id again."""
    await current_database().execute(
        "UPDATE installation SET suspended_at = $2, deleted_at = coalesce(deleted_at, $3) WHERE id = $1",
        installation_id,
        suspended_at,
        deleted_at,
    )


async def revive_installation(installation_id: InstallationId) -> None:
    """Takes a deletion back, because GitHub itself lists the installation."""
    await current_database().execute(
        "UPDATE installation SET deleted_at = NULL WHERE id = $1", installation_id
    )


class VisibleRepository(Value):
    """A repository that an installation sees. `polled_to` is the newest change that polling saw, if any."""

    workspace_id: WorkspaceId
    full_name: str
    polled_to: datetime | None


async def find_visible_repository(
    installation_id: InstallationId, repository_id: RepositoryId
) -> VisibleRepository | None:
    """None if this installation does not see it any more."""
    row = await current_database().fetchrow(
        """
        SELECT repository.workspace_id, full_name, polled_to
        FROM repository JOIN installation ON installation.id = installation_id
        WHERE repository.id = $2 AND installation_id = $1 AND removed_at IS NULL
            AND deleted_at IS NULL AND suspended_at IS NULL
        """,
        installation_id,
        repository_id,
    )
    return VisibleRepository.model_validate(dict(row)) if row else None


async def list_repository_ids(installation_id: InstallationId) -> tuple[RepositoryId, ...]:
    rows = await current_database().fetch(
        "SELECT id FROM repository WHERE installation_id = $1 AND removed_at IS NULL", installation_id
    )
    return tuple(RepositoryId(row["id"]) for row in rows)


async def list_repository_names(workspace_id: WorkspaceId) -> tuple[str, ...]:
    """The repositories in which the GitHub App is installed."""
    rows = await current_database().fetch(
        """
        SELECT full_name FROM repository JOIN installation ON installation.id = installation_id
        WHERE repository.workspace_id = $1 AND removed_at IS NULL AND deleted_at IS NULL ORDER BY full_name
        """,
        workspace_id,
    )
    return tuple(row["full_name"] for row in rows)


class StoredRepository(Value):
    """A repository as it was stored before a fact changed it. GitHub last used its name at `named_at`."""

    id: RepositoryId
    workspace_id: WorkspaceId
    full_name: str
    named_at: datetime


async def lock_repositories(repository_ids: Iterable[RepositoryId]) -> tuple[StoredRepository, ...]:
    """Those that are stored, in any workspace. Nobody else changes them until the transaction ends."""
    rows = await current_database().fetch(
        """
        SELECT id, workspace_id, full_name, named_at FROM repository
        WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
        """,
        list(repository_ids),
    )
    return tuple(StoredRepository.model_validate(dict(row)) for row in rows)


async def save_repositories(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    repositories: Iterable[Repository],
    at: datetime = LONG_AGO,
) -> dict[RepositoryId, str]:
    """Records the repositories that an installation saw at `at`. Returns the name that each has now.

    A name that GitHub used later stays. A repository of another workspace stays as it is and is left out.
    """
    names = {repository.id: repository.full_name for repository in repositories}
    rows = await current_database().fetch(
        """
        INSERT INTO repository (workspace_id, id, installation_id, full_name, named_at)
        SELECT $1, seen.id, $2, seen.full_name, $5
        FROM unnest($3::bigint[], $4::text[]) AS seen (id, full_name) ORDER BY seen.id
        ON CONFLICT (id) DO UPDATE SET
            installation_id = excluded.installation_id,
            full_name = CASE WHEN excluded.named_at >= repository.named_at
                THEN excluded.full_name ELSE repository.full_name END,
            named_at = greatest(repository.named_at, excluded.named_at),
            removed_at = NULL
        WHERE repository.workspace_id = excluded.workspace_id
        RETURNING id, full_name
        """,
        workspace_id,
        installation_id,
        list(names.keys()),
        list(names.values()),
        at,
    )
    return {RepositoryId(row["id"]): row["full_name"] for row in rows}


class RecordedRepository(Value):
    """How a repository is stored now, whether Ripe may look at it, and whether it is suspended."""

    full_name: str
    is_visible: bool
    is_suspended: bool


class NamedRepository(NamedTuple):
    """A repository as a fact names it, and the installation and workspace that the fact came through."""

    id: RepositoryId
    workspace_id: WorkspaceId
    installation_id: InstallationId
    full_name: str


async def confirm_repositories(
    named: Iterable[NamedRepository],
) -> dict[NamedRepository, RecordedRepository]:
    """Those that are stored just as facts name them. Until the transaction ends, nobody changes their rows.

    The lock is shared, so facts of one repository do not wait for each other.
    """
    columns = zip(*dict.fromkeys(named), strict=True)
    rows = await current_database().fetch(
        """
        SELECT repository.id, repository.workspace_id, installation_id, full_name,
            removed_at IS NULL AND deleted_at IS NULL AS is_visible, suspended_at IS NOT NULL AS is_suspended
        FROM repository JOIN installation ON installation.id = installation_id
        JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS named (id, workspace, by, name)
            ON (repository.id, repository.workspace_id, installation_id, full_name)
                = (named.id, named.workspace, named.by, named.name)
        ORDER BY repository.id FOR SHARE OF repository
        """,
        *(list(column) for column in columns),
    )
    return {
        NamedRepository(row["id"], row["workspace_id"], row["installation_id"], row["full_name"]):
            RecordedRepository(
                full_name=row["full_name"], is_visible=row["is_visible"], is_suspended=row["is_suspended"]
            )
        for row in rows
    }  # fmt: skip


async def record_naming(named_at: Mapping[RepositoryId, datetime]) -> None:
    """Facts of then used the names that are stored. They wrote nothing, as the names had not changed."""
    await current_database().execute(
        """
        UPDATE repository SET named_at = named.at
        FROM unnest($1::bigint[], $2::timestamptz[]) AS named (id, at)
        WHERE repository.id = named.id AND named_at < named.at
        """,
        list(named_at),
        list(named_at.values()),
    )


async def record_repository(
    workspace_id: WorkspaceId, installation_id: InstallationId, repository: Repository, at: datetime
) -> RecordedRepository | None:
    """Records how a fact of `at` names a repository. None if it is another workspace's, which stays so.

    The newest fact says how a repository is called and which installation sees it. A repository that moved to
    another installation is visible again. Its installation must be stored.
    """
    row = await current_database().fetchrow(
        """
        INSERT INTO repository (workspace_id, id, installation_id, full_name, named_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET (full_name, installation_id, removed_at, named_at) = (
            SELECT
                CASE WHEN is_news THEN excluded.full_name ELSE repository.full_name END,
                CASE WHEN is_news THEN excluded.installation_id ELSE repository.installation_id END,
                CASE WHEN is_news AND excluded.installation_id <> repository.installation_id
                    THEN NULL ELSE repository.removed_at END,
                greatest(repository.named_at, excluded.named_at)
            FROM (SELECT excluded.named_at >= repository.named_at AS is_news) AS compared)
        WHERE repository.workspace_id = excluded.workspace_id
        RETURNING full_name, removed_at IS NULL AND NOT EXISTS (
            SELECT FROM installation WHERE id = repository.installation_id AND deleted_at IS NOT NULL
        ) AS is_visible, EXISTS (
            SELECT FROM installation WHERE id = repository.installation_id AND suspended_at IS NOT NULL
        ) AS is_suspended
        """,
        workspace_id,
        repository.id,
        installation_id,
        repository.full_name,
        at,
    )
    return RecordedRepository.model_validate(dict(row)) if row else None


async def remove_repositories(
    installation_id: InstallationId, repository_ids: Iterable[RepositoryId], at: datetime
) -> tuple[RepositoryId, ...]:
    """Records that the installation does not see these any more. Returns those that it saw until now."""
    rows = await current_database().fetch(
        """
        UPDATE repository SET removed_at = $3
        WHERE id = ANY($2::bigint[]) AND installation_id = $1 AND removed_at IS NULL RETURNING id
        """,
        installation_id,
        list(repository_ids),
        at,
    )
    return tuple(RepositoryId(row["id"]) for row in rows)


async def delete_repositories(repository_ids: Iterable[RepositoryId]) -> None:
    """Their pull requests must have been deleted."""
    await current_database().execute(
        "DELETE FROM repository WHERE id = ANY($1::bigint[])", list(repository_ids)
    )
