"""Writes what became of jobs, in batches."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from jobq.claims import Settled, settle
from jobq.connections import Connection, Line
from jobq.errors import TRANSIENT_ERRORS
from jobq.leases import Leases
from jobq.queue import Queue
from jobq.settlement import Settlement
from jobq.timing import Timing, wait_for_event
from jobq.wake import Wake

log = logging.getLogger(__name__)

LARGEST_FLUSH = 500


class Settler:
    """Flushes at once when no flush is on its way; what ends meanwhile is gathered for the next one."""

    def __init__(
        self, queue: Queue, line: Line, leases: Leases, timing: Timing, on_flush: Callable[[], object]
    ) -> None:
        self._queue = queue
        self._line = line
        self._leases = leases
        self._timing = timing
        self._on_flush = on_flush
        self._pending: dict[int, Settlement] = {}
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, settlement: Settlement) -> None:
        """Write it with the next flush."""
        self._pending[settlement.job.id] = settlement
        self._empty.clear()
        self._more.set()

    async def flushed(self, within: float) -> None:
        """Wait until nothing is pending, for `within` seconds at most."""
        await wait_for_event(self._empty, within)

    async def run(self) -> None:
        """Flush until stopped."""
        while not self._is_stopping:
            await self._more.wait()
            self._more.clear()
            if self._pending and not await self._flush():
                await wait_for_event(self._more, self._timing.retry_after)
            if self._pending:
                self._more.set()
        await self._line.close()

    def stop(self) -> None:
        """End `run`; what is pending stays unwritten, and its leases expire."""
        self._is_stopping = True
        self._more.set()

    async def _flush(self) -> bool:
        """Write one batch. Whether all of it was written."""
        batch = list(self._pending.values())[:LARGEST_FLUSH]

        async def work(connection: Connection) -> Settled:
            return await settle(connection, batch, self._queue.now())

        try:
            settled = await self._line.run(work, self._queue.database.command_timeout)
        except TRANSIENT_ERRORS as error:
            log.warning("%d jobs not settled yet: %s", len(self._pending), error)
            return False
        self._learn(batch, settled)
        if len(settled.written) + len(settled.lost) == len(batch):
            return True
        # What is locked goes behind the rest, so that it cannot fill every batch.
        for settlement in batch:
            if settlement.job.id in self._pending:
                self._pending[settlement.job.id] = self._pending.pop(settlement.job.id)
        return False

    def _learn(self, batch: Iterable[Settlement], settled: Settled) -> None:
        for settlement in batch:
            job = settlement.job
            if job.id in settled.written:
                self._leases.release(job)
            elif job.id in settled.lost:
                self._leases.lose(job)
            else:
                continue
            # Meanwhile a later try of the same job may have ended here.
            if self._pending.get(job.id) is settlement:
                del self._pending[job.id]
        for job, due_at in settled.again:
            self._queue.bell.ring(Wake(job.lane, due_at))
        if not self._pending:
            self._empty.set()
        self._on_flush()
