"""A Slack workspace took the app away."""

from datetime import datetime

from bot.flows.catalog import forget_workspace_job
from bot.flows.workspace_forgetting import KEPT_FOR
from bot.model import WorkspaceId
from bot.slack.store import mark_workspace_gone
from jobq import Queue, write_transaction


@write_transaction
async def leave_workspace(
    workspace_id: WorkspaceId, told_at: datetime, *, queue: Queue, now: datetime
) -> bool:
    """From now on nothing is sent there; a day later it is forgotten. False for news of an older install."""
    if not await mark_workspace_gone(workspace_id, told_at, now):
        return False
    await queue.save(forget_workspace_job(workspace_id).runs_at(now + KEPT_FOR))
    return True
