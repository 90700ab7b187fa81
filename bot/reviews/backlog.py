"""The backlog: review requests that were open before Ripe was installed. Uses the ambient database."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.model import RequestId, WorkspaceId
from jobq import current_database

TOUCHED_WITHIN = timedelta(days=14)
"""A pull request that was updated earlier is stored with its next fact."""


async def insert_entries(
    workspace_id: WorkspaceId, request_ids: Iterable[RequestId], found_at: datetime
) -> None:
    """Adds these requests to the backlog."""
    await current_database().executemany(
        "INSERT INTO backlog (workspace_id, request_id, found_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(workspace_id, request_id, found_at) for request_id in request_ids],
    )


async def mark_notified(request_ids: Iterable[RequestId], message_id: int) -> None:
    """The DM with this id lists these. If that DM proves not to have been sent, they wait for one again."""
    await current_database().execute(
        "UPDATE backlog SET message_id = $2 WHERE request_id = ANY($1::bigint[])",
        list(request_ids),
        message_id,
    )
