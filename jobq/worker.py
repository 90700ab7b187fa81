"""The worker: claims the jobs of one lane and runs them until it is stopped."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from jobq.admission import Admission
from jobq.claims import START, ClaimResult, claim, confirm
from jobq.connections import Connection, DedicatedConnection
from jobq.cursor import ClaimCursor
from jobq.deadlines import Deadlines
from jobq.errors import TRANSIENT_ERRORS
from jobq.job import Handler
from jobq.leases import LeasedJob, Leases
from jobq.notifier import WakeUp
from jobq.queue import Queue
from jobq.runner import Observer, Runner
from jobq.settlement import is_suspected_poison, settle_deferred, settle_exhausted
from jobq.settlement_log import SettlementLog
from jobq.settlement_writer import SettlementWriter
from jobq.timing import Timing
from jobq.waiting import wait_for_event

log = logging.getLogger(__name__)

MAX_UNWRITTEN = 1_000
"""While more settlements than this are not written, no job is claimed."""
LAST_WRITE_WITHIN = 4.0
"""Seconds that the last batch may take when a worker stops. A job that is not settled by then runs again."""


class Worker:
    """Runs the jobs of one lane in this process.

    `handlers` maps job types to coroutine functions. At most `concurrency` handlers run at once. `prefetch`
    is how many more jobs may be claimed and wait for their turn: 0 for slow jobs, so that another worker
    can take them, some hundreds for fast ones, because large claims are cheap. `on_settled` is called for
    each settlement, for metrics; an error that it raises is logged and affects no job.
    """

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        concurrency: int = 20,
        prefetch: int = 0,
        lane: int = 0,
        *,
        timing: Timing | None = None,
        on_settled: Observer | None = None,
    ) -> None:
        self._queue = queue
        self._concurrency = concurrency
        self._prefetch = prefetch
        self._lane = lane
        self._timing = timing = timing or Timing()
        connect = queue.database.connect
        self._woken = asyncio.Event()
        self._connection = DedicatedConnection(connect)
        self._cursor = ClaimCursor(timing.sweep_every)
        self._leases = Leases(DedicatedConnection(connect), timing, queue.database.outage)
        self._admission = Admission(queue, lane, DedicatedConnection(connect), timing)
        # A claim may be waiting until fewer settlements are unwritten, or until a handler ends.
        self._writer = SettlementWriter(
            queue,
            DedicatedConnection(connect),
            self._leases,
            timing,
            on_written=self._on_written,
            on_freed=self._admission.hand_on,
        )
        self._log = SettlementLog()
        self._runner = Runner(
            queue,
            handlers,
            concurrency,
            self._writer,
            self._log,
            refill_at=prefetch // 2,
            on_end=self._woken.set,
            lose=self._leases.lose,
            on_settled=on_settled,
        )
        self._outage, self._part = queue.database.outage, f"claim in lane {lane}"
        self._pause = timing.retry_after
        runner = self._runner
        self._deadlines = Deadlines(handlers, timing.deadline, runner.list_running, runner.give_up)
        self._isolated: LeasedJob | None = None
        self._ended = asyncio.Event()
        self._ended.set()
        self._is_stopping = False
        self._grace = 0.0

    async def run(self) -> None:
        """Work until `stop` is called."""
        self._ended.clear()
        self._runner.inherit_context()
        self._queue.notifier.subscribe(self._on_wake_up)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._leases.run())
                group.create_task(self._writer.run())
                group.create_task(self._admission.run())
                group.create_task(self._deadlines.run())
                listening = group.create_task(
                    self._queue.notifier.listen(self._on_wake_up, self._timing.retry_after)
                )
                await self._claim_until_stopped()
                await self._runner.finish(self._grace)
                await self._writer.wait_until_written(LAST_WRITE_WITHIN)
                await self._admission.wait_until_done(LAST_WRITE_WITHIN)
                self._admission.stop()
                self._deadlines.stop()
                self._leases.stop()
                self._writer.stop()
                listening.cancel()
                await self._connection.close()
        finally:
            self._queue.notifier.unsubscribe(self._on_wake_up)
            self._leases.lose_all()
            self._outage.leave(self._part)
            self._ended.set()

    async def stop(self, grace: float = 8.0) -> None:
        """Stop in good order. Returns when `run` has ended.

        The worker claims nothing more, gives back the jobs that have not started, and lets handlers run for
        up to `grace` seconds. Then it cancels them and gives their jobs back, writes all settlements, and
        closes its connections.
        """
        self._grace = grace
        self._is_stopping = True
        self._runner.stop_starting()
        self._woken.set()
        await self._ended.wait()

    def wake(self) -> None:
        """Look for ripe jobs now, for example because the application's clock was moved."""
        self._on_wake_up(WakeUp())

    def _on_written(self) -> None:
        self._log.flush()
        self._woken.set()

    def _on_wake_up(self, wake_up: WakeUp) -> None:
        if wake_up.lane is None or wake_up.lane == self._lane:
            self._cursor.look_from(wake_up.due_at)
            self._woken.set()

    async def _claim_until_stopped(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            capacity = self._free_capacity()
            pause = self._cursor.seconds_to_wait()
            if capacity == 0 or pause > 0:
                await wait_for_event(self._woken, pause if capacity > 0 else self._timing.sweep_every)
            elif not await self._claim(capacity):
                await self._wait_to_try_again()

    async def _wait_to_try_again(self) -> None:
        pause, self._pause = self._pause, self._timing.retry_after
        await wait_for_event(self._woken, pause)

    def _free_capacity(self) -> int:
        """How many jobs to claim now. To keep claims large, 0 until half of the prefetched have started."""
        running, waiting = self._runner.running, self._runner.waiting
        if waiting > self._prefetch // 2 or len(self._writer) >= MAX_UNWRITTEN:
            return 0
        return max(0, self._concurrency + self._prefetch - running - waiting)

    async def _claim(self, limit: int) -> bool:
        """Claim and start up to `limit` jobs. Returns whether Postgres answered."""
        now = self._queue.now()
        after = self._cursor.start_claim()
        # With a backlog, an early start gains nothing, so claim durably: that saves a statement.
        is_durable = self._cursor.has_backlog

        async def work(connection: Connection) -> ClaimResult:
            return await claim(
                connection, self._lane, now, limit, after, self._timing.lease, is_durable=is_durable
            )

        sent_at = time.monotonic()
        try:
            result = await self._connection.run(work, self._queue.database.command_timeout)
        except TRANSIENT_ERRORS as error:
            self._pause = self._outage.fail(self._part, error, self._timing.retry_after)
            self._cursor.look_from(None)
            return False
        self._outage.succeed(self._part)
        self._cursor.finish_claim(result, limit, now)
        if result.has_arrived:
            self._admission.admit_arrived(since=after[0])
        if result.has_blocked and after == START:
            self._admission.sweep()
        claimed = [self._leases.add(job, sent_at) for job in result.jobs]
        await self._start(claimed)
        return is_durable or await self._confirm(claimed)

    async def _start(self, claimed: Sequence[LeasedJob]) -> None:
        suspects = []
        for leased in claimed:
            exhausted = settle_exhausted(leased.job)
            if exhausted is not None:
                self._runner.settle(leased, exhausted)
            elif is_suspected_poison(leased.job):
                suspects.append(leased)
            else:
                self._runner.add(leased)
        if suspects:
            await self._isolate(suspects)
        self._runner.start_waiting()

    async def _isolate(self, suspects: list[LeasedJob]) -> None:
        """Run one suspected poison job at a time: a job that kills its worker must not take others along."""
        is_free = self._isolated is None or self._isolated.is_over
        chosen = suspects.pop(0) if is_free else None
        for leased in suspects:
            self._runner.settle(leased, settle_deferred(leased.job, self._queue.now()))
        # Write everything before it runs: it may end this process.
        await self._writer.wait_until_written(LAST_WRITE_WITHIN)
        if chosen is not None:
            self._isolated = chosen
            self._runner.add_first(chosen)

    async def _confirm(self, claimed: Sequence[LeasedJob]) -> bool:
        """While the jobs run, wait until no crash can undo their claims. Returns whether Postgres answered.

        Without an answer the jobs are aborted at once: if a crash undid the claims, another worker may run
        them.
        """
        jobs = [leased.job for leased in claimed if not leased.is_over]
        if not jobs:
            return True

        async def work(connection: Connection) -> set[int]:
            return await confirm(connection, jobs)

        try:
            confirmed = await self._connection.run(work, self._queue.database.command_timeout)
        except TRANSIENT_ERRORS as error:
            log.warning("a crash may have undone the claims of %d jobs: %s", len(jobs), error)
            for leased in claimed:
                if not leased.is_over:
                    self._runner.abort(leased)
            self._cursor.look_from(None)
            return False
        for leased in claimed:
            if leased.job.id not in confirmed and not leased.is_over and not leased.job.is_finishing:
                self._leases.lose(leased.job)
        return True
