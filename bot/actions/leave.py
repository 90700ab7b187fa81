"""A Slack workspace removes the app."""

from datetime import datetime

from bot.flows.catalog import forget_workspace_job
from bot.flows.workspace_forgetting import KEPT_FOR
from bot.model import WorkspaceId
from bot.slack.store import mark_workspace_gone
from jobq import Queue, write_transaction


@write_transaction
async def leave_workspace(
    workspace_id: WorkspaceId, removed_at: datetime, *, queue: Queue, now: datetime
) -> bool:
    """Stops sending there, and forgets it a day later. False if it was installed again after `removed_at`."""
    if not await mark_workspace_gone(workspace_id, removed_at, now):
        return False
    await queue.save(forget_workspace_job(workspace_id).runs_at(now + KEPT_FOR))
    return True
