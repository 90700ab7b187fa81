"""Writes settlements to Postgres, in batches."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from jobq.claims import SettleResult, settle
from jobq.connections import Connection, DedicatedConnection
from jobq.errors import TRANSIENT_ERRORS, is_refusal
from jobq.leases import Leases
from jobq.notifier import WakeUp
from jobq.queue import Queue
from jobq.settlement import Settlement, is_settled_as_refused, settle_refused
from jobq.timing import Timing
from jobq.waiting import wait_for_event

log = logging.getLogger(__name__)

MAX_BATCH = 500
SMALL_BATCH = 100
LINGER = 0.001
"""Seconds that a smaller batch waits for more, because each costs two round trips of processor time."""
SETTLE = "settle"


class SettlementWriter:
    """Writes at once if no batch is under way; settlements that come meanwhile go into the next batch."""

    def __init__(
        self,
        queue: Queue,
        connection: DedicatedConnection,
        leases: Leases,
        timing: Timing,
        on_written: Callable[[], object],
        on_freed: Callable[[set[str]], object],
    ) -> None:
        self._queue = queue
        self._connection = connection
        self._leases = leases
        self._timing = timing
        self._on_written = on_written
        self._on_freed = on_freed
        self._pending: dict[int, Settlement] = {}
        self._has_work = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._has_finished = False
        self._is_stopping = False
        self._pause = timing.retry_after

    def __len__(self) -> int:
        """How many settlements are not written yet."""
        return len(self._pending)

    def add(self, settlement: Settlement) -> None:
        """Write `settlement` with the next batch, unless the handler wrote it with its own transaction."""
        self._has_work.set()
        if settlement.job.is_finished:
            self._leases.remove(settlement.job)
            self._has_finished = True
            return
        self._pending[settlement.job.id] = settlement
        self._is_empty.clear()

    async def wait_until_written(self, within: float) -> None:
        """Wait until everything is written, for `within` seconds at most."""
        await wait_for_event(self._is_empty, within)

    async def run(self) -> None:
        """Write until `stop`."""
        while not self._is_stopping:
            await self._has_work.wait()
            if len(self._pending) < SMALL_BATCH:
                await asyncio.sleep(LINGER)
            self._has_work.clear()
            if self._has_finished:
                self._has_finished = False
                self._on_written()
            if self._pending and not await self._write_batch():
                await wait_for_event(self._has_work, self._pause)
            if self._pending:
                self._has_work.set()
        await self._connection.close()

    def stop(self) -> None:
        """Let `run` return. Unwritten settlements are dropped, so their jobs run again."""
        self._is_stopping = True
        self._has_work.set()

    async def _write_batch(self) -> bool:
        """Returns whether the whole batch was written."""
        return await self._write(list(self._pending.values())[:MAX_BATCH])

    async def _write(self, batch: list[Settlement]) -> bool:
        async def work(connection: Connection) -> SettleResult:
            return await settle(connection, batch, self._queue.now())

        try:
            result = await self._connection.run(work, self._queue.database.command_timeout)
        except Exception as error:
            if is_refusal(error):
                return await self._write_parts(batch, error)
            if not isinstance(error, TRANSIENT_ERRORS):
                raise
            self._pause = self._queue.database.outage.fail(SETTLE, error, self._timing.retry_after)
            return False
        self._pause = self._timing.retry_after
        self._queue.database.outage.succeed(SETTLE)
        self._apply(batch, result)
        if len(result.written) + len(result.lost) == len(batch):
            return True
        # Move the locked rows behind the rest, so that they cannot fill every batch.
        for settlement in batch:
            if settlement.job.id in self._pending:
                self._pending[settlement.job.id] = self._pending.pop(settlement.job.id)
        return False

    async def _write_parts(self, batch: list[Settlement], error: Exception) -> bool:
        """Write a refused batch in halves, until the settlement that Postgres refuses is alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            is_first_written = await self._write(batch[:middle])
            return await self._write(batch[middle:]) and is_first_written
        (settlement,) = batch
        job = settlement.job
        log.error("Postgres refuses the result of %s job %d: %s", job.job_type, job.id, error)
        if self._pending.get(job.id) is settlement:
            self._pending[job.id] = settle_refused(settlement, error, self._queue.now())
        if is_settled_as_refused(settlement):  # it refuses even that, so only the end of its lease is left
            self._pending.pop(job.id, None)
            self._leases.lose(job)
            self._note_if_empty()
        return True

    def _apply(self, batch: Iterable[Settlement], result: SettleResult) -> None:
        freed: set[str] = set()
        for settlement in batch:
            job = settlement.job
            if job.id in result.written:
                self._leases.remove(job)
                if job.concurrency_key is not None:
                    freed.add(job.concurrency_key)
            elif job.id in result.lost:
                self._leases.lose(job)
            else:
                continue
            # A later try of the same job may have ended meanwhile: that settlement stays.
            if self._pending.get(job.id) is settlement:
                del self._pending[job.id]
        for job, due_at in result.requeued:
            self._queue.notifier.notify(WakeUp(job.lane, due_at))
        self._on_freed(freed)
        self._note_if_empty()
        self._on_written()

    def _note_if_empty(self) -> None:
        if not self._pending:
            self._is_empty.set()
