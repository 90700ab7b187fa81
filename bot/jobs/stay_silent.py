"""Shadow mode: what would leave the building waits until an admin turns Ripe on."""

from datetime import timedelta

import structlog

from bot.clock import Clock
from jobq import ClaimedJob, Postpone

log = structlog.get_logger()

LOOK_AGAIN_AFTER = timedelta(hours=1)


async def stay_silent(job: ClaimedJob, *, clock: Clock) -> Postpone:
    """Keeps the job, and sends nothing."""
    log.info("shadow mode: nothing is sent", job_type=job.job_type, arguments=job.arguments)
    return Postpone(clock.now() + LOOK_AGAIN_AFTER)
