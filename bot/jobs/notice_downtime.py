"""Notices that no worker ran for a while. Then GitHub is asked what happened meanwhile."""

from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.flows.catalog import compare_with_github_job
from bot.github.watch import record_alive
from jobq import ClaimedJob, Queue, write_transaction

log = structlog.get_logger()

EVERY = timedelta(minutes=5)
DOWNTIME = timedelta(minutes=20)
"""Longer than a deploy. A worker that was away for less has missed no run of this job, or one."""


@write_transaction
async def notice_downtime(job: ClaimedJob, *, queue: Queue, clock: Clock) -> None:
    """Recurs, so after a downtime it runs as soon as a worker does. A restored backup looks the same."""
    now = clock.now()
    alive_at = await record_alive(now)
    if alive_at is not None and now - alive_at > DOWNTIME:
        log.warning("no worker ran", since=alive_at.isoformat())
        await queue.save(compare_with_github_job())
