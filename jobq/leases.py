"""The jobs that this worker has leased, and the heartbeat that keeps the leases."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobq.claims import ExtendResult, extend
from jobq.connections import Connection, DedicatedConnection
from jobq.errors import TRANSIENT_ERRORS
from jobq.job import ClaimedJob, InBatches
from jobq.outage import Outage
from jobq.timing import Timing
from jobq.waiting import wait_for_event

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Run:
    """One call of a handler, for one job or for a batch."""

    leased: Sequence["LeasedJob"]
    started_at: float
    """By the monotonic clock."""
    batches: InBatches | None = None
    """The handler, if this is a batch."""
    task: asyncio.Task[Any] | None = None
    """The task that calls the handler. None before the call and after it: the task runs other jobs then."""
    overdue: TimeoutError | None = None
    """Set when the handler was cancelled because it took too long."""

    def cancel(self) -> None:
        """Cancel the handler."""
        if self.task is not None:
            self.task.cancel()

    def __str__(self) -> str:
        job = self.leased[0].job
        if len(self.leased) == 1:
            return f"{job.job_type} job {job.id}, try {job.tries}"
        return f"a batch of {len(self.leased)} {job.job_type} jobs, the first is {job.id}"


@dataclass(eq=False, slots=True)
class LeasedJob:
    """A job from its claim until its settlement is written."""

    job: ClaimedJob
    confirmed_at: float
    """When the last statement that confirmed the lease was sent, by the monotonic clock."""
    run: Run | None = None
    """The call of its handler, once that was started."""
    is_lost: bool = False
    """Another worker may have the lease."""
    is_aborted: bool = False
    """This worker cancelled the handler for its own reasons, so the job is given back."""
    is_settled: bool = False
    """It has a settlement, which may not be written yet."""

    @property
    def is_over(self) -> bool:
        """Whether this worker has nothing more to run for it."""
        return self.is_lost or self.is_settled


HEARTBEAT = "heartbeat"


class Leases:
    """All jobs that this worker has leased."""

    def __init__(self, connection: DedicatedConnection, timing: Timing, outage: Outage) -> None:
        self._connection = connection
        self._outage = outage
        self._timing = timing
        self._leased: dict[int, LeasedJob] = {}
        self._stopping = asyncio.Event()

    def add(self, job: ClaimedJob, claimed_at: float) -> LeasedJob:
        """Keep the lease of `job` from now on. The claim was sent at `claimed_at` (monotonic)."""
        earlier = self._leased.get(job.id)
        if earlier is not None:
            # The lease expired, as after a pause of the whole machine, and this worker claimed the job again.
            self.lose(earlier.job)
        leased = self._leased[job.id] = LeasedJob(job, claimed_at)
        return leased

    def remove(self, job: ClaimedJob) -> None:
        """Forget `job`, whose settlement was written."""
        if self._find(job) is not None:
            del self._leased[job.id]

    def lose(self, job: ClaimedJob) -> None:
        """Forget `job` and cancel its handler: another worker may have the lease."""
        leased = self._find(job)
        if leased is None:
            return
        del self._leased[job.id]
        leased.is_lost = True
        log.warning("lease lost: job %d (%s)", job.id, job.job_type)
        if leased.run is not None:
            leased.run.cancel()

    def lose_all(self) -> None:
        """Cancel every handler. Only needed if the worker ended without a proper stop."""
        for leased in list(self._leased.values()):
            self.lose(leased.job)

    async def run(self) -> None:
        """Send heartbeats until `stop`."""
        pause = self._timing.heartbeat_every
        while not self._stopping.is_set():
            if not self._leased:
                self._outage.succeed(HEARTBEAT)  # nothing waits for it any more
            await wait_for_event(self._stopping, min(pause, self._trusted_for()))
            pause = await self._send_heartbeat()
            self._lose_unconfirmed()
        await self._connection.close()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping.set()

    async def _send_heartbeat(self) -> float:
        """Extend every lease, if the oldest needs it. Returns the seconds until the next call."""
        sent_at = time.monotonic()
        wait = self._oldest_confirmation() + self._timing.heartbeat_every - sent_at
        if wait > 0 or self._stopping.is_set():
            return wait
        jobs = [leased.job for leased in self._leased.values()]

        async def work(connection: Connection) -> ExtendResult:
            return await extend(connection, jobs, self._timing.lease)

        try:
            result = await self._connection.run(work, self._timing.heartbeat_within)
        except TRANSIENT_ERRORS as error:
            # Tried again soon, because the leases end.
            self._outage.fail(HEARTBEAT, error, self._timing.retry_after)
            return self._timing.retry_after
        self._outage.succeed(HEARTBEAT)
        for job in jobs:
            if job.id in result.lost:
                # A row that is being finished may be gone because its transaction was just committed.
                if not job.is_finishing:
                    self.lose(job)
            else:
                self._confirm(job, sent_at)
        is_complete = len(result.extended) + len(result.lost) == len(jobs)
        return self._timing.heartbeat_every if is_complete else self._timing.retry_after

    def _confirm(self, job: ClaimedJob, sent_at: float) -> None:
        leased = self._find(job)
        if leased is not None:
            leased.confirmed_at = sent_at

    def _find(self, job: ClaimedJob) -> LeasedJob | None:
        """The lease of this very claim: this worker may have claimed the job again, with another fence."""
        leased = self._leased.get(job.id)
        return leased if leased is not None and leased.job.fence == job.fence else None

    def _lose_unconfirmed(self) -> None:
        now = time.monotonic()
        for leased in list(self._leased.values()):
            if now - leased.confirmed_at > self._timing.trust_lease_for:
                self.lose(leased.job)

    def _trusted_for(self) -> float:
        return max(0.0, self._oldest_confirmation() + self._timing.trust_lease_for - time.monotonic())

    def _oldest_confirmation(self) -> float:
        return min((leased.confirmed_at for leased in self._leased.values()), default=time.monotonic())
