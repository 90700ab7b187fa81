"""Lets an installation join a workspace, in Postgres. Uses the ambient transaction."""

import json
from collections.abc import Iterable

from bot.github.model import Account
from bot.github.oauth import ProvenInstallation
from bot.model import InstallationId, WorkspaceId
from jobq import current_database


async def list_foreign(
    workspace_id: WorkspaceId, installation_ids: Iterable[InstallationId]
) -> frozenset[InstallationId]:
    """Those of these that cannot join the workspace: they belong to another one, or were deleted."""
    rows = await current_database().fetch(
        """
        SELECT id FROM installation
        WHERE id = ANY($2::bigint[]) AND (workspace_id <> $1 OR deleted_at IS NOT NULL)
        """,
        workspace_id,
        list(installation_ids),
    )
    return frozenset(InstallationId(row["id"]) for row in rows)


async def give_installation(workspace_id: WorkspaceId, installation: ProvenInstallation) -> bool:
    """Gives an installation to a workspace. False if it belongs to another one, or was deleted."""
    is_given = await current_database().fetchval(
        """
        INSERT INTO installation (workspace_id, id, account_id, account_login, permissions)
        VALUES ($1, $2, $3, $4, $5::jsonb)
        ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id,
            account_login = excluded.account_login, permissions = excluded.permissions
        WHERE installation.workspace_id = excluded.workspace_id AND installation.deleted_at IS NULL
        RETURNING true
        """,
        workspace_id,
        installation.id,
        installation.account.id,
        installation.account.login,
        json.dumps(installation.permissions),
    )
    return is_given is not None


async def give_stored_installation(
    workspace_id: WorkspaceId, installation_id: InstallationId, account: Account
) -> bool:
    """As above, for one that GitHub named earlier. It counts as installed until GitHub is asked."""
    is_given = await current_database().fetchval(
        """
        INSERT INTO installation (workspace_id, id, account_id, account_login) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET deleted_at = NULL
        WHERE installation.workspace_id = excluded.workspace_id
        RETURNING true
        """,
        workspace_id,
        installation_id,
        account.id,
        account.login,
    )
    return is_given is not None
