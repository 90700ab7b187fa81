"""Slack's workspaces and the requests that were served, in Postgres. Uses the ambient transaction."""

from datetime import datetime

from bot.model import WorkspaceId
from bot.slack.model import SlackGrant, SlackWorkspace
from jobq import current_database


async def record_slack_delivery(workspace_id: WorkspaceId, key: str, at: datetime) -> bool:
    """True for the first request with this key. Waits while another one with the same key is served."""
    inserted = await current_database().fetchval(
        """
        INSERT INTO slack_delivery (workspace_id, key, received_at) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO NOTHING RETURNING key
        """,
        workspace_id,
        # Slack does not promise that its ids are unique across workspaces.
        f"{workspace_id}/{key}",
        at,
    )
    return inserted is not None


async def load_workspace(workspace_id: WorkspaceId) -> SlackWorkspace:
    """Raises LookupError if there is none."""
    row = await current_database().fetchrow(
        """
        SELECT id, slack_team_id AS team_id, name, bot_token AS sealed_token, gone_at
        FROM workspace WHERE id = $1
        """,
        workspace_id,
    )
    if row is None:
        raise LookupError(f"no workspace {workspace_id}")
    return SlackWorkspace.model_validate(dict(row))


async def find_workspace_of_team(team_id: str) -> SlackWorkspace | None:
    """The workspace with this id in Slack, even if it is gone."""
    row = await current_database().fetchrow(
        """
        SELECT id, slack_team_id AS team_id, name, bot_token AS sealed_token, gone_at
        FROM workspace WHERE slack_team_id = $1
        """,
        team_id,
    )
    return SlackWorkspace.model_validate(dict(row)) if row else None


async def save_installed_workspace(grant: SlackGrant, sealed_token: bytes, at: datetime) -> WorkspaceId:
    """Saves a workspace that installed the app, even if it did before. Its token replaces the old one."""
    identity = await current_database().fetchval(
        """
        INSERT INTO workspace (slack_team_id, name, bot_token, bot_user_id, scopes, installed_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (slack_team_id) DO UPDATE SET name = excluded.name, bot_token = excluded.bot_token,
            bot_user_id = excluded.bot_user_id, scopes = excluded.scopes,
            installed_at = excluded.installed_at, gone_at = NULL
        RETURNING id
        """,
        grant.team_id,
        grant.team,
        sealed_token,
        grant.bot_user_id,
        sorted(grant.scopes),
        at,
    )
    return WorkspaceId(identity)


async def save_grant(workspace_id: WorkspaceId, grant: SlackGrant, at: datetime) -> bool:
    """Saves the team of the token in the environment. True if the workspace was gone and is back.

    Nothing changes if /slack/install has brought a token, or if the team is another workspace.
    """
    row = await current_database().fetchrow(
        """
        WITH before AS (SELECT id, gone_at FROM workspace WHERE id = $1 FOR UPDATE)
        UPDATE workspace SET slack_team_id = $2, name = $3, bot_user_id = $4, scopes = $5, gone_at = NULL,
            installed_at = CASE WHEN before.gone_at IS NULL THEN workspace.installed_at ELSE $6 END
        FROM before
        WHERE workspace.id = before.id AND bot_token IS NULL
            AND NOT EXISTS (SELECT FROM workspace other WHERE other.slack_team_id = $2 AND other.id <> $1)
        RETURNING before.gone_at
        """,
        workspace_id,
        grant.team_id,
        grant.team,
        grant.bot_user_id,
        sorted(grant.scopes),
        at,
    )
    return row is not None and row["gone_at"] is not None


async def mark_workspace_gone(workspace_id: WorkspaceId, removed_at: datetime, now: datetime) -> bool:
    """Deletes the token of a workspace that removed the app at `removed_at`, which is in whole seconds.

    False if the app was installed again after that.
    """
    marked = await current_database().fetchval(
        """
        UPDATE workspace SET bot_token = NULL, gone_at = coalesce(gone_at, $3)
        WHERE id = $1 AND (installed_at IS NULL OR $2 >= date_trunc('second', installed_at)) RETURNING true
        """,
        workspace_id,
        removed_at,
        now,
    )
    return marked is not None


async def replace_sealed_token(workspace_id: WorkspaceId, old: bytes, new: bytes) -> None:
    """Saves the same token encrypted with another key, unless the token was replaced meanwhile."""
    await current_database().execute(
        "UPDATE workspace SET bot_token = $3 WHERE id = $1 AND bot_token = $2", workspace_id, old, new
    )


async def list_sealed_tokens() -> dict[WorkspaceId, bytes]:
    rows = await current_database().fetch(
        "SELECT id, bot_token FROM workspace WHERE bot_token IS NOT NULL ORDER BY id"
    )
    return {WorkspaceId(row["id"]): row["bot_token"] for row in rows}
