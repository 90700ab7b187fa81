"""Jobs that come again and again: one permanent row each, no leader, no table of schedules."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobq.errors import is_transient
from jobq.job import ClaimedJob, Discard, Job, Postpone, retry_delay

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Recurring:
    """Runs `run` once each `every`, whichever process is there to do it.

    Every process saves `job` when it starts and hands `handler` to its worker. The row never goes: after each
    run it waits for the next tick. Ticks missed while no worker ran are made up for by one run. `now` is the
    queue's clock.

    `run` may fail: it is retried as usual for as long as that is before the next tick; then the error is
    logged and the next tick tries again. So a recurring job does not die of errors. What still buries it is
    killing its worker over and over: then it is among the dead until it is revived or a process starts. A
    raised Postpone or Discard means what it always means.
    """

    job_type: str
    every: timedelta
    run: Callable[[ClaimedJob], Awaitable[None]]
    now: Callable[[], datetime]
    lane: int = 0

    @property
    def job(self) -> Job:
        """What to save at the start: due at the next tick, so that a start never makes it run earlier."""
        return Job(job_type=self.job_type, lane=self.lane).runs_at(next_tick(self.every, self.now()))

    async def handler(self, job: ClaimedJob) -> Postpone:
        """Runs one tick. Raises what `run` raised where a retry comes before the next tick."""
        try:
            await self.run(job)
        except (Postpone, Discard):
            raise
        except Exception as error:
            if is_transient(error) or self._is_retried_in_time(job):
                raise
            log.exception("recurring job %s failed until its next tick", self.job_type)
        return Postpone(self._next_tick_after(job))

    def _is_retried_in_time(self, job: ClaimedJob) -> bool:
        retry_at = self.now() + retry_delay(job.tries, job.base_retry_minutes)
        return job.tries <= job.max_retries and retry_at < self._next_tick_after(job)

    def _next_tick_after(self, job: ClaimedJob) -> datetime:
        # Also after its own tick, should the clock have been set back since.
        return next_tick(self.every, max(self.now(), job.due_at))


def next_tick(every: timedelta, now: datetime) -> datetime:
    """The first whole multiple of `every` since 1970 (UTC) that is after `now`: the same for every process.

    Raises ValueError where `every` is not positive.
    """
    if every <= timedelta(0):
        raise ValueError(f"a recurring job needs a time between its runs, not {every}")
    return now + every - (now - EPOCH) % every
