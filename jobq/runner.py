"""Runs claimed jobs: starts their handlers, a limited number at once, and settles each job."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from jobq.errors import LeaseLostError
from jobq.execution import BatchEnd, end_failed_batch, run_batch, run_handler
from jobq.job import ClaimedJob, Handler
from jobq.leases import LeasedJob, Run
from jobq.line import Batch, Line
from jobq.queue import Queue
from jobq.settlement import Settlement, describe_error, give_back, settle_error, settle_overdue, settle_result
from jobq.settlement_writer import SettlementWriter

log = logging.getLogger(__name__)

CANCEL_WITHIN = 1.0
"""Seconds that cancelled handlers get to end."""

Observer: TypeAlias = Callable[[Settlement, timedelta, timedelta], object]
"""Takes a settlement, how late the try started (never negative), and how long it ran.

It is called once for each claimed job. Lateness is measured by the application's clock. Both times are zero
for a job that did not run. A job of a batch ran as long as its batch. It must not block.
"""


class Runner:
    """The handlers of one worker. Each runs in a task of its own, with the queue's database ambient.

    `on_end` is called when a handler has ended, `lose` for a job whose lease is found to be lost.
    """

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        concurrency: int,
        writer: SettlementWriter,
        *,
        on_end: Callable[[], object],
        lose: Callable[[ClaimedJob], object],
        on_settled: Observer | None,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._concurrency = concurrency
        self._writer = writer
        self._on_end = on_end
        self._lose = lose
        self._on_settled = on_settled
        self._context = Context()
        self._line = Line(handlers, on_ready=self.start_waiting)
        self._running: dict[asyncio.Task[None], Run] = {}
        self._is_stopping = False

    @property
    def waiting(self) -> int:
        """How many claimed jobs have not been started."""
        return len(self._line)

    @property
    def running(self) -> int:
        """How many handlers run."""
        return len(self._running)

    def inherit_context(self) -> None:
        """Let handlers see the context variables that are set now."""
        with self._queue.database.ambient():
            self._context = copy_context()

    def add(self, leased: LeasedJob) -> None:
        """Run it after those that wait already."""
        self._line.add(leased)

    def add_first(self, leased: LeasedJob) -> None:
        """Run it alone, before those that wait already."""
        self._line.add_first(leased)

    def start_waiting(self) -> None:
        """Start as many handlers as may run at once."""
        while len(self._running) < self._concurrency and not self._is_stopping:
            taken = self._line.take()
            if taken is None:
                return
            if isinstance(taken, Batch):
                run = Run(taken.leased, time.monotonic())
                self._start(run, self._run_batch(run, taken))
            else:
                run = Run([taken], time.monotonic())
                self._start(run, self._run(run, taken))

    def list_running(self) -> list[Run]:
        """The handlers that run."""
        return list(self._running.values())

    def give_up(self, run: Run, error: TimeoutError) -> None:
        """Settle the jobs of a cancelled handler that goes on, and let another one have its place."""
        if run.task is not None:
            self._running.pop(run.task, None)
        for leased in run.leased:
            if not leased.is_over:
                self.settle(leased, settle_error(leased.job, error, self._queue.now()))
        self.start_waiting()
        self._on_end()

    def stop_starting(self) -> None:
        """Start no more handlers."""
        self._is_stopping = True

    async def finish(self, grace: float) -> None:
        """Give back what was not started, and let handlers run for `grace` seconds; then cancel them."""
        for leased in self._line.take_all():
            self.abort(leased)
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for run in self._running.values():
            for leased in run.leased:
                leased.is_aborted = True
            run.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=CANCEL_WITHIN)

    def abort(self, leased: LeasedJob) -> None:
        """Give the job back; if its handler runs, cancel that first."""
        if leased.run is None:
            self.settle(leased, give_back(leased.job))
        else:
            leased.is_aborted = True
            leased.run.cancel()

    def settle(
        self,
        leased: LeasedJob,
        settlement: Settlement,
        seconds: float = 0.0,
        started_at: datetime | None = None,
    ) -> None:
        """Log, write and report how a try ended, which took `seconds`. Every try passes here exactly once."""
        leased.is_settled = True
        job = settlement.job
        log.info(
            "%s: %s job %d, try %d, %.0f ms",
            settlement.outcome,
            job.job_type,
            job.id,
            job.tries,
            seconds * 1000,
        )
        self._writer.add(settlement)
        if self._on_settled is not None:
            late = max(timedelta(0), started_at - job.due_at) if started_at else timedelta(0)
            try:
                self._on_settled(settlement, late, timedelta(seconds=seconds))
            except Exception:
                # A bug in the metrics must not stop the jobs.
                log.exception("an observer failed")

    def _start(self, run: Run, work: Coroutine[Any, Any, None]) -> None:
        run.task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        for leased in run.leased:
            leased.run = run
        self._running[run.task] = run
        run.task.add_done_callback(self._end)

    async def _run(self, run: Run, leased: LeasedJob) -> None:
        started_at = self._queue.now() if self._on_settled else None
        error: BaseException | None
        try:
            settlement, error = await run_handler(leased.job, self._handlers, self._queue.now)
        except asyncio.CancelledError as cancelled:
            settlement, error = self._settle_cancelled(leased, cancelled), cancelled
        if isinstance(error, LeaseLostError) and leased.job.id in error.ids:
            leased.run = None  # it has ended, so there is nothing to cancel
            self._lose(leased.job)
        self._settle_run(run, leased, settlement, started_at)

    async def _run_batch(self, run: Run, batch: Batch) -> None:
        started_at = self._queue.now() if self._on_settled else None
        jobs = [leased.job for leased in run.leased]
        try:
            end = await run_batch(jobs, batch.handler.batch, self._queue.now)
        except asyncio.CancelledError as cancelled:
            end = end_failed_batch(jobs, cancelled, self._queue.now())
        by_id = {leased.job.id: leased for leased in run.leased}
        for settlement in end.settlements:
            self._settle_run(run, by_id[settlement.job.id], settlement, started_at)
        self._end_others(end, by_id)

    def _end_others(self, end: BatchEnd, by_id: Mapping[int, LeasedJob]) -> None:
        """Start the jobs that are to run alone, and forget those whose leases are lost."""
        for job in end.lost:
            by_id[job.id].run = None
            self._lose(job)
        alone = [leased for job in end.alone if not (leased := by_id[job.id]).is_over]
        if end.error is not None and alone:
            log.warning(
                "a batch of %d %s jobs failed, they run one by one: %s",
                len(by_id),
                alone[0].job.job_type,
                describe_error(end.error),
            )
        for leased in reversed(alone):
            leased.run = None
            if leased.is_aborted or self._is_stopping:
                self.settle(leased, give_back(leased.job))
            else:
                self._line.add_first(leased)

    def _settle_run(
        self, run: Run, leased: LeasedJob, settlement: Settlement, started_at: datetime | None
    ) -> None:
        if leased.is_over:
            return
        if run.overdue is not None:
            settlement = settle_overdue(settlement, run.overdue, self._queue.now())
        self.settle(leased, settlement, time.monotonic() - run.started_at, started_at)

    def _settle_cancelled(self, leased: LeasedJob, error: asyncio.CancelledError) -> Settlement:
        if leased.job.is_finished:
            return settle_result(leased.job, None, self._queue.now())
        if leased.is_aborted:
            return give_back(leased.job)
        return settle_error(leased.job, error, self._queue.now())

    def _end(self, task: asyncio.Task[None]) -> None:
        run = self._running.pop(task, None)
        if run is None:  # it was given up
            return
        for leased in run.leased:
            if leased.run is run and not leased.is_over:  # it was cancelled before its first step
                self.settle(leased, give_back(leased.job))
        self.start_waiting()
        self._on_end()
