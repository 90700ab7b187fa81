"""Deletes everything about an account a day after the App was uninstalled from it."""

import structlog

from bot.clock import Clock
from bot.flows.account_forgetting import KEPT_FOR, PAGE, count_holdings, forget_installations, list_departed
from bot.model import InstallationId, Parsed
from jobq import ClaimedJob, Discard

log = structlog.get_logger()


class Arguments(Parsed):
    installation_id: InstallationId


async def forget_installation(job: ClaimedJob, *, clock: Clock, page: int = PAGE) -> Discard | None:
    """Does nothing if the App is installed again, or was uninstalled later: then a later job deletes it."""
    ids = await list_departed(job.read(Arguments).installation_id, clock.now() - KEPT_FOR)
    if not ids:
        return Discard("installed again, or forgotten already")
    forgotten = await count_holdings(ids)
    await forget_installations(ids, page)
    log.info("account forgotten", **forgotten.model_dump())
    return None
