"""Recurring jobs: one permanent row each, without a leader process or a table of schedules."""

import asyncio
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
    """Calls `run` once every `every`, in one of the processes that work on the queue.

    Every process saves `job` when it starts and gives `handler` to its worker. The row is never deleted:
    after each run it is postponed to the next tick. Ticks that were missed while no worker ran lead to one
    run. `now` is the clock of the queue.

    If `run` fails, it is retried as usual while the retry comes before the next tick. Otherwise the error
    is logged, and the next tick is the retry, so errors never make a recurring job dead. It dies only if it
    kills its worker again and again; then it runs again when it is revived or when a process starts. A
    raised Postpone or Discard means what it means for every job.
    """

    job_type: str
    every: timedelta
    run: Callable[[ClaimedJob], Awaitable[None]]
    now: Callable[[], datetime]
    lane: int = 0
    deadline: timedelta = timedelta(minutes=4)
    """A longer run is cancelled and fails. Keep it below the worker's deadline, which makes jobs dead."""

    @property
    def job(self) -> Job:
        """The job to save at each start. It is due at the next tick: a start does not make it run earlier."""
        return Job(job_type=self.job_type, lane=self.lane).runs_at(next_tick(self.every, self.now()))

    async def handler(self, job: ClaimedJob) -> Postpone:
        """Run one tick. Raises the error of `run` if a retry comes before the next tick."""
        try:
            async with asyncio.timeout(self.deadline.total_seconds()):
                await self.run(job)
        except (Postpone, Discard):
            raise
        except Exception as error:
            if is_transient(error) or self._is_retried_in_time(job):
                raise
            log.exception("recurring job %s failed until its next tick", self.job_type)
        return Postpone(self._next_tick_after(job), "its next tick")

    def _is_retried_in_time(self, job: ClaimedJob) -> bool:
        retry_at = self.now() + retry_delay(job.tries, job.base_retry_minutes)
        return job.tries <= job.max_retries and retry_at < self._next_tick_after(job)

    def _next_tick_after(self, job: ClaimedJob) -> datetime:
        # After its own tick in any case: the clock may have been set back since.
        return next_tick(self.every, max(self.now(), job.due_at))


def next_tick(every: timedelta, now: datetime) -> datetime:
    """The first whole multiple of `every` since 1970 (UTC) after `now`, so that all processes agree on it.

    Raises ValueError if `every` is not positive.
    """
    if every <= timedelta(0):
        raise ValueError(f"a recurring job needs a time between its runs, not {every}")
    return now + every - (now - EPOCH) % every
