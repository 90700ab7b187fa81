"""Deletes everything about a Slack workspace from which the app was removed: its people, rules, requests."""

from datetime import datetime, timedelta

from bot.flows.paging import execute_in_pages
from bot.model import WorkspaceId
from jobq import current_database

KEPT_FOR = timedelta(hours=24)
"""Somebody who removed the app by mistake finds everything as it was."""
PAGE = 200
"""Rows per statement. A person takes their accounts, absences, messages and actions with them."""


async def find_gone_at(workspace_id: WorkspaceId) -> datetime | None:
    """When the app was removed from the workspace. None if it is installed."""
    gone_at: datetime | None = await current_database().fetchval(
        "SELECT gone_at FROM workspace WHERE id = $1", workspace_id
    )
    return gone_at


async def forget_workspace_rows(workspace_id: WorkspaceId, page: int = PAGE) -> None:
    """Deletes everything but the workspace's own row, `page` rows per statement, each committed by itself.

    Call it outside of a transaction, after its installations were forgotten. If it fails halfway, call it
    again. The row stays, so that the workspace's installations never fall to another workspace.
    """
    for statement in _STATEMENTS:
        await execute_in_pages(statement, workspace_id, page=page)
    await current_database().execute(
        "UPDATE workspace SET name = NULL, bot_user_id = NULL, scopes = '{}' WHERE id = $1", workspace_id
    )


_STATEMENTS = (
    """
    DELETE FROM person WHERE id = ANY (ARRAY(SELECT id FROM person WHERE workspace_id = $1 LIMIT $2))
    """,
    """
    DELETE FROM repository_config WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM repository_config WHERE workspace_id = $1 LIMIT $2))
    """,
    """
    DELETE FROM account_access WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM account_access WHERE workspace_id = $1 LIMIT $2))
    """,
    """
    DELETE FROM slack_delivery WHERE key = ANY (ARRAY(
        SELECT key FROM slack_delivery WHERE workspace_id = $1 LIMIT $2))
    """,
    """
    DELETE FROM pause WHERE id = ANY (ARRAY(SELECT id FROM pause WHERE workspace_id = $1 LIMIT $2))
    """,
    """
    DELETE FROM slack_limit WHERE method = ANY (ARRAY(
        SELECT method FROM slack_limit WHERE workspace_id = $1 LIMIT $2)) AND workspace_id = $1
    """,
    """
    UPDATE delivery SET fact = NULL, note = '' WHERE guid = ANY (ARRAY(
        SELECT guid FROM delivery WHERE workspace_id = $1 AND (fact IS NOT NULL OR note <> '') LIMIT $2))
    """,
)
