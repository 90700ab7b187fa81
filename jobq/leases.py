"""What this worker holds, and the heartbeat that keeps it."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from jobq.claims import extend
from jobq.connections import Connection, Line
from jobq.errors import TRANSIENT_ERRORS
from jobq.job import ClaimedJob
from jobq.timing import Timing, wait_for_event

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Held:
    """A claimed job that is not settled yet."""

    job: ClaimedJob
    sure_since: float
    """When the statement that last confirmed the lease was sent, on the monotonic clock."""
    task: asyncio.Task[Any] | None = None
    is_lost: bool = False
    is_recalled: bool = False
    """Its worker cannot go on with it: it is given back when it ends."""
    is_settled: bool = False
    """What becomes of it is known, though perhaps not written yet."""

    @property
    def is_over(self) -> bool:
        """Whether it neither runs nor will."""
        return self.is_lost or self.is_settled


class Leases:
    """Everything this worker holds."""

    def __init__(self, line: Line, timing: Timing) -> None:
        self._line = line
        self._timing = timing
        self._held: dict[int, Held] = {}
        self._stopping = asyncio.Event()

    def hold(self, job: ClaimedJob, sure_since: float) -> Held:
        """Keep the lease of `job` from now on."""
        earlier = self._held.get(job.id)
        if earlier is not None:
            # It lapsed, as after a pause of the whole machine, and the heir is this very worker.
            self.lose(earlier.job)
        held = self._held[job.id] = Held(job, sure_since)
        return held

    def release(self, job: ClaimedJob) -> None:
        """It is settled: nothing to keep any more."""
        if self._find(job) is not None:
            del self._held[job.id]

    def lose(self, job: ClaimedJob) -> None:
        """Somebody else may hold it: stop working on it."""
        held = self._find(job)
        if held is None:
            return
        del self._held[job.id]
        held.is_lost = True
        log.warning("lease lost: job %d (%s)", job.id, job.job_type)
        if held.task is not None:
            held.task.cancel()

    def lose_all(self) -> None:
        """The worker is torn down without a proper stop."""
        for held in list(self._held.values()):
            self.lose(held.job)

    async def run(self) -> None:
        """Beat until stopped."""
        pause = self._timing.beat_every
        while not self._stopping.is_set():
            await wait_for_event(self._stopping, min(pause, self._trusted_for()))
            pause = await self._beat()
            self._lose_untrusted()
        await self._line.close()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def _beat(self) -> float:
        """Extend every lease if one needs it. Returns the seconds until this should be called again."""
        sent_at = time.monotonic()
        wait = self._oldest() + self._timing.beat_every - sent_at
        if wait > 0 or self._stopping.is_set():
            return wait
        jobs = [held.job for held in self._held.values()]

        async def work(connection: Connection) -> tuple[set[int], set[int]]:
            beat = await extend(connection, jobs, self._timing.lease)
            return beat.extended, beat.lost

        try:
            extended, lost = await self._line.run(work, self._timing.beat_within)
        except TRANSIENT_ERRORS as error:
            log.warning("no heartbeat: %s", error)
            return self._timing.retry_after
        for job in jobs:
            self._learn(job, sent_at, is_lost=job.id in lost)
        return self._timing.beat_every if len(extended) + len(lost) == len(jobs) else self._timing.retry_after

    def _learn(self, job: ClaimedJob, sent_at: float, *, is_lost: bool) -> None:
        if is_lost:
            self.lose(job)
        elif (held := self._find(job)) is not None:
            held.sure_since = sent_at

    def _find(self, job: ClaimedJob) -> Held | None:
        """What is held of just this claim: by now the same job may be held under another fence."""
        held = self._held.get(job.id)
        return held if held is not None and held.job.fence == job.fence else None

    def _lose_untrusted(self) -> None:
        now = time.monotonic()
        for held in list(self._held.values()):
            if now - held.sure_since > self._timing.trust:
                self.lose(held.job)

    def _trusted_for(self) -> float:
        return max(0.0, self._oldest() + self._timing.trust - time.monotonic())

    def _oldest(self) -> float:
        return min((held.sure_since for held in self._held.values()), default=time.monotonic())
