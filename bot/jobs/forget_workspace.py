"""Deletes everything about a Slack workspace a day after the app was removed from it."""

import structlog

from bot.clock import Clock
from bot.flows.account_forgetting import count_holdings, forget_installations
from bot.flows.workspace_forgetting import KEPT_FOR, PAGE, find_gone_at, forget_workspace_rows
from bot.github.store import list_installation_ids
from bot.model import Parsed, WorkspaceId
from jobq import ClaimedJob, Discard, HandlerResult, Postpone

log = structlog.get_logger()


class Arguments(Parsed):
    workspace_id: WorkspaceId


async def forget_workspace(job: ClaimedJob, *, clock: Clock, page: int = PAGE) -> HandlerResult:
    """Does nothing if the app is installed again. Waits for a full day since its last removal."""
    workspace_id = job.read(Arguments).workspace_id
    if (gone_at := await find_gone_at(workspace_id)) is None:
        return Discard("installed again")
    if gone_at + KEPT_FOR > clock.now():
        return Postpone(gone_at + KEPT_FOR, "its data is kept for so long")
    ids = await list_installation_ids(workspace_id)
    forgotten = await count_holdings(ids)
    await forget_installations(ids, page)
    await forget_workspace_rows(workspace_id, page)
    log.info("workspace forgotten", workspace_id=workspace_id, **forgotten.model_dump())
    return None
