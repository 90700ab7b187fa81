"""Which workspace there is, and which one an installation belongs to. Uses the ambient database."""

from bot.model import InstallationId, WorkspaceId
from jobq import current_database


async def find_first_workspace() -> WorkspaceId:
    """The workspace whose credentials are in the environment."""
    return WorkspaceId(await current_database().fetchval("SELECT min(id) FROM workspace"))


async def find_workspace_of_installation(installation_id: InstallationId | None) -> WorkspaceId | None:
    """The workspace that an installation belongs to. None if it belongs to none, or if we cannot tell.

    An installation that has joined none belongs to the only workspace there ever was, if the Slack app is
    still installed there.
    """
    workspace_id = await current_database().fetchval(
        """
        SELECT coalesce(
            (SELECT workspace_id FROM installation WHERE id = $1),
            (SELECT min(id) FROM workspace HAVING count(*) = 1 AND count(gone_at) = 0))
        """,
        installation_id,
    )
    return None if workspace_id is None else WorkspaceId(workspace_id)
