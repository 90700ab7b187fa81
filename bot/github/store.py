"""Installations and repositories in Postgres. Uses the ambient database and transaction."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.github.model import Account, Repository
from bot.model import InstallationId, RepositoryId, Value, WorkspaceId
from jobq import current_database

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any word of GitHub's."""


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


async def find_workspace_of_installation(installation_id: InstallationId | None) -> WorkspaceId | None:
    """Whose deliveries these are. An installation that joined nobody is of the only workspace there ever was.

    None: of nobody's. So it is with several workspaces, also where all but one are gone, and with one gone.
    """
    found = await current_database().fetchval(
        """
        SELECT coalesce(
            (SELECT workspace_id FROM installation WHERE id = $1),
            (SELECT min(id) FROM workspace HAVING count(*) = 1 AND count(gone_at) = 0))
        """,
        installation_id,
    )
    return None if found is None else WorkspaceId(found)


async def list_installation_ids(workspace_id: WorkspaceId) -> tuple[InstallationId, ...]:
    """Of every installation that joined this workspace, also those that were uninstalled."""
    rows = await current_database().fetch(
        "SELECT id FROM installation WHERE workspace_id = $1 ORDER BY id", workspace_id
    )
    return tuple(InstallationId(row["id"]) for row in rows)


async def find_named_repository(
    installation_id: InstallationId, repository_id: RepositoryId
) -> NamedRepository | None:
    """None where this installation does not see it any more. It stays so until the transaction ends."""
    row = await current_database().fetchrow(
        """
        SELECT repository.workspace_id, repository.full_name
        FROM repository JOIN installation ON installation.id = repository.installation_id
        WHERE repository.id = $2 AND installation.id = $1 AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
        FOR SHARE OF repository
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
    installation_id: InstallationId,
    *,
    suspended_at: datetime | None = None,
    deleted_at: datetime | None = None,
) -> None:
    """How it stands. A deletion is final: GitHub never uses an id again."""
    await current_database().execute(
        "UPDATE installation SET suspended_at = $2, deleted_at = coalesce(deleted_at, $3) WHERE id = $1",
        installation_id,
        suspended_at,
        deleted_at,
    )


async def is_installed(installation_id: InstallationId) -> bool:
    """Whether it is known, and was not deleted. It may be suspended."""
    found: bool = await current_database().fetchval(
        "SELECT EXISTS (SELECT FROM installation WHERE id = $1 AND deleted_at IS NULL)", installation_id
    )
    return found


async def save_repositories(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    repositories: Iterable[Repository],
    at: datetime = LONG_AGO,
) -> None:
    """Records repositories that an installation may see. Names told before `at` do not replace these."""
    repositories = tuple(repositories)
    await _take_over(workspace_id, [one.id for one in repositories], at)
    await current_database().executemany(
        """
        INSERT INTO repository (workspace_id, id, installation_id, full_name, named_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET
            installation_id = excluded.installation_id,
            full_name = CASE WHEN excluded.named_at >= repository.named_at
                THEN excluded.full_name ELSE repository.full_name END,
            named_at = greatest(repository.named_at, excluded.named_at),
            removed_at = NULL
        WHERE repository.workspace_id = excluded.workspace_id
        """,
        [(workspace_id, one.id, installation_id, one.full_name, at) for one in repositories],
    )


async def meet_repository(
    workspace_id: WorkspaceId,
    installation_id: InstallationId,
    repository: Repository,
    at: datetime = LONG_AGO,
) -> bool:
    """Records what a fact of `at` tells of its repository; whether it is (still) ours to look at.

    A fact may overtake the news of its installation, so it can be the first we hear of either. The newest
    fact says how a repository is called and through which installation we see it; one that has come to
    another installation is ours again.
    """
    await save_installation(workspace_id, installation_id)
    await _take_over(workspace_id, [repository.id], at)
    return bool(
        await current_database().fetchval(
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
                FROM (SELECT excluded.named_at >= repository.named_at AS is_news) AS told)
            WHERE repository.workspace_id = excluded.workspace_id
            RETURNING removed_at IS NULL AND NOT EXISTS (
                SELECT FROM installation WHERE id = repository.installation_id AND deleted_at IS NOT NULL)
            """,
            workspace_id,
            repository.id,
            installation_id,
            repository.full_name,
            at,
        )
    )


async def _take_over(workspace_id: WorkspaceId, repository_ids: list[RepositoryId], at: datetime) -> None:
    """Forgets what another workspace knows of these, which were given away. Older news is not believed."""
    theirs = await current_database().fetch(
        "SELECT id FROM repository WHERE id = ANY($2::bigint[]) AND workspace_id <> $1 AND named_at <= $3",
        workspace_id,
        repository_ids,
        at,
    )
    ids = [row["id"] for row in theirs]
    if ids:
        await current_database().execute(
            "DELETE FROM pull_request WHERE repository_id = ANY($1::bigint[])", ids
        )
        await current_database().execute("DELETE FROM repository WHERE id = ANY($1::bigint[])", ids)


async def remove_repositories(
    installation_id: InstallationId, repository_ids: Iterable[RepositoryId], at: datetime
) -> tuple[RepositoryId, ...]:
    """They are not ours to see any more; returns those we saw through this installation until now."""
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


async def list_names(
    workspace_id: WorkspaceId, repository_ids: Iterable[RepositoryId]
) -> dict[RepositoryId, str]:
    """What those of these are called that are known in this workspace."""
    rows = await current_database().fetch(
        "SELECT id, full_name FROM repository WHERE workspace_id = $1 AND id = ANY($2::bigint[])",
        workspace_id,
        list(repository_ids),
    )
    return {RepositoryId(row["id"]): row["full_name"] for row in rows}


async def list_repository_ids(installation_id: InstallationId) -> tuple[RepositoryId, ...]:
    rows = await current_database().fetch(
        "SELECT id FROM repository WHERE installation_id = $1 AND removed_at IS NULL", installation_id
    )
    return tuple(RepositoryId(row["id"]) for row in rows)


async def list_repository_names(workspace_id: WorkspaceId) -> tuple[str, ...]:
    """Where the GitHub App is installed."""
    rows = await current_database().fetch(
        """
        SELECT full_name FROM repository JOIN installation ON installation.id = installation_id
        WHERE repository.workspace_id = $1 AND removed_at IS NULL AND deleted_at IS NULL ORDER BY full_name
        """,
        workspace_id,
    )
    return tuple(row["full_name"] for row in rows)
