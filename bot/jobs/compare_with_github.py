"""Has every installation compared with GitHub: once a day, after downtime, and when deliveries were lost."""

from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.flows.catalog import compare_installation_job
from bot.github.inspection import AsApp, list_installations
from bot.github.polling import list_polled_installations
from bot.github.watch import record_comparison
from jobq import ClaimedJob, Queue

log = structlog.get_logger()

EVERY = timedelta(days=1)


async def compare_with_github(job: ClaimedJob, *, github: AsApp, queue: Queue, clock: Clock) -> None:
    """Queues a job for each installation that GitHub lists or that is stored."""
    began_at = clock.now()
    listed = {installation.id for installation in await list_installations(github)}
    stored = {installation.id for installation in await list_polled_installations()}
    await queue.save_all(compare_installation_job(each, is_whole=True) for each in sorted(listed | stored))
    await record_comparison(began_at)
    log.info("everything is compared with GitHub", installations=len(listed | stored))
