"""Which workspace there is, and which one an installation belongs to. Uses the ambient database."""

from pathlib import Path

from bot.model import AccountId, InstallationId, WorkspaceId
from jobq import current_database

FIND = Path(__file__).with_name("find_workspace.sql").read_text()


async def find_first_workspace() -> WorkspaceId:
    """The workspace whose credentials are in the environment."""
    return WorkspaceId(await current_database().fetchval("SELECT min(id) FROM workspace"))


async def find_workspace_of_installation(
    installation_id: InstallationId | None, account_id: AccountId | None = None
) -> WorkspaceId | None:
    """The workspace that an installation on this account belongs to.

    A new installation belongs to the workspace in which its account is allowed. None: it belongs to none, it
    waits for an admin, its account was refused, or we cannot tell.
    """
    workspace_id = await current_database().fetchval(FIND, installation_id, account_id)
    return None if workspace_id is None else WorkspaceId(workspace_id)


async def list_present_workspaces() -> tuple[WorkspaceId, ...]:
    """Every workspace in which the Slack app is installed."""
    rows = await current_database().fetch("SELECT id FROM workspace WHERE gone_at IS NULL ORDER BY id")
    return tuple(WorkspaceId(row["id"]) for row in rows)


async def find_only_workspace() -> WorkspaceId | None:
    """The only workspace there ever was, if the Slack app is still installed there."""
    workspace_id = await current_database().fetchval(
        "SELECT min(id) FROM workspace HAVING count(*) = 1 AND count(gone_at) = 0"
    )
    return None if workspace_id is None else WorkspaceId(workspace_id)
