"""Which of Slack's requests were served, in Postgres. Uses the ambient transaction."""

from datetime import datetime

from bot.model import WorkspaceId
from jobq import current_database


async def record_slack_delivery(workspace_id: WorkspaceId, key: str, at: datetime) -> bool:
    """Whether this is the first request with this key. One still being served is waited for."""
    inserted = await current_database().fetchval(
        """
        INSERT INTO slack_delivery (workspace_id, key, received_at) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO NOTHING RETURNING key
        """,
        workspace_id,
        key,
        at,
    )
    return inserted is not None
