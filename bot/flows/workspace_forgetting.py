"""Deletes what is known of a Slack workspace that took the app away: its people, their rules and requests."""

from datetime import datetime, timedelta

from bot.model import WorkspaceId
from jobq import current_database

PAGE = 200
"""Rows a statement; with a person go their accounts, absences, messages and actions."""


async def find_gone_at(workspace_id: WorkspaceId) -> datetime | None:
    """Since when the app is taken away; None where it is there."""
    gone_at: datetime | None = await current_database().fetchval(
        "SELECT gone_at FROM workspace WHERE id = $1", workspace_id
    )
    return gone_at


async def forget_workspace_rows(workspace_id: WorkspaceId, page: int = PAGE) -> None:
    """Deletes all but the row itself, `page` rows a statement. Its installations must have been forgotten.

    May be repeated, and resumed. Not for a transaction: each page is committed. The row stays, so that what
    is installed on GitHub meanwhile never falls to another workspace.
    """
    for statement in _STATEMENTS:
        while int((await current_database().execute(statement, workspace_id, page)).split()[-1]) == page:
            pass
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


KEPT_FOR = timedelta(hours=24)
"""Somebody who uninstalls it by mistake finds everything as it was."""
