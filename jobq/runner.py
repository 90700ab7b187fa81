"""Runs claimed jobs: starts their handlers, a limited number at once, and settles each job."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from typing import TypeAlias

from jobq.errors import LeaseLostError
from jobq.execution import BatchEnd, end_failed_batch, run_batch, run_handler
from jobq.job import ClaimedJob, Handler, InBatches
from jobq.leases import LeasedJob, Run
from jobq.line import Line
from jobq.queue import Queue
from jobq.settlement import Settlement, describe_error, give_back, settle_error, settle_overdue, settle_result
from jobq.settlement_log import SettlementLog
from jobq.settlement_writer import SettlementWriter

log = logging.getLogger(__name__)

JOBS_A_TURN = 64
"""Jobs that a place runs before it lets the rest of the event loop have a turn, even if no job ever waits."""
CANCEL_WITHIN = 1.0
"""Seconds that cancelled handlers get to end."""

Observer: TypeAlias = Callable[[Settlement, timedelta, timedelta], object]
"""Takes a settlement, how late the try started (never negative), and how long it ran.

It is called once for each claimed job. Lateness is measured by the application's clock. Both times are zero
for a job that did not run. A job of a batch ran as long as its batch. It must not block.
"""


class Runner:
    """The handlers of one worker, with the queue's database ambient. Each place runs one at a time.

    A place is a task that runs waiting jobs one after the other, because a task for each job would cost more
    than many a job does. To the jobs it looks like one: if a handler was cancelled or changed a context
    variable, the place ends after it, and the next job gets a new task.

    `on_end` is called when a handler has ended and at most `refill_at` jobs wait, `lose` for a job whose
    lease is found to be lost.
    """

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        concurrency: int,
        writer: SettlementWriter,
        settlement_log: SettlementLog,
        *,
        refill_at: int,
        on_end: Callable[[], object],
        lose: Callable[[ClaimedJob], object],
        on_settled: Observer | None,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._concurrency = concurrency
        self._writer = writer
        self._log = settlement_log
        self._refill_at = refill_at
        self._on_end = on_end
        self._lose = lose
        self._on_settled = on_settled
        self._context = Context()
        self._line = Line(handlers, on_ready=self.start_waiting)
        self._places: dict[asyncio.Task[None], Run] = {}
        self._is_stopping = False

    @property
    def waiting(self) -> int:
        """How many claimed jobs have not been started."""
        return len(self._line)

    @property
    def running(self) -> int:
        """How many handlers run."""
        return len(self._places)

    def inherit_context(self) -> None:
        """Let handlers see the context variables that are set now."""
        self._context = self._queue.database.context()

    def add(self, leased: LeasedJob) -> None:
        """Run it after those that wait already."""
        self._line.add(leased)

    def add_first(self, leased: LeasedJob) -> None:
        """Run it alone, before those that wait already."""
        self._line.add_first(leased)

    def start_waiting(self) -> None:
        """Start as many handlers as may run at once."""
        while len(self._places) < self._concurrency and (run := self._take()) is not None:
            task = asyncio.get_running_loop().create_task(self._work(run), context=self._context.copy())
            self._occupy(task, run)
            task.add_done_callback(self._end)

    def list_running(self) -> list[Run]:
        """The handlers that run."""
        return list(self._places.values())

    def give_up(self, run: Run, error: TimeoutError) -> None:
        """Settle the jobs of a cancelled handler that goes on, and let another one have its place."""
        if run.task is not None:
            self._places.pop(run.task, None)
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
        if self._places:
            await asyncio.wait(self._places, timeout=grace)
        for run in self._places.values():
            for leased in run.leased:
                leased.is_aborted = True
            run.cancel()
        if self._places:
            await asyncio.wait(self._places, timeout=CANCEL_WITHIN)

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
        """Write, log and report how a try ended, which took `seconds`. Every try passes here exactly once."""
        leased.is_settled = True
        self._writer.add(settlement)
        self._log.note(settlement, seconds)
        if self._on_settled is not None:
            late = max(timedelta(0), started_at - settlement.job.due_at) if started_at else timedelta(0)
            try:
                self._on_settled(settlement, late, timedelta(seconds=seconds))
            except Exception:
                # A bug in the metrics must not stop the jobs.
                log.exception("an observer failed")

    def _take(self) -> Run | None:
        """The next that may start."""
        if self._is_stopping:
            return None
        taken = self._line.take(self._may_start)
        if taken is None:
            return None
        if isinstance(taken, LeasedJob):
            return Run((taken,), time.monotonic())
        return Run(taken.leased, time.monotonic(), taken.handler)

    def _may_start(self, batches: InBatches) -> bool:
        limit = batches.concurrency
        running = (run for run in self._places.values() if run.batches is batches and run.task is not None)
        return limit is None or sum(1 for _ in running) < limit

    def _occupy(self, task: asyncio.Task[None], run: Run) -> None:
        self._places[task] = run
        run.task = task
        for leased in run.leased:
            leased.run = run

    async def _work(self, run: Run) -> None:
        """Be a place: run one after the other until nothing waits."""
        for count in itertools.count(1):
            task = run.task
            await (self._run(run) if run.batches is None else self._run_batch(run, run.batches))
            _leave(run)
            if task is None or self._places.get(task) is not run or self._is_spoilt(task):
                return
            if len(self._line) <= self._refill_at:
                self._on_end()
            if count % JOBS_A_TURN == 0:
                await asyncio.sleep(0)
            following = self._take()
            if following is None:
                return
            run = following
            self._occupy(task, run)

    def _is_spoilt(self, task: asyncio.Task[None]) -> bool:
        """Whether its next job would notice what a job did to this task."""
        return task.cancelling() > 0 or copy_context() != self._context

    async def _run(self, run: Run) -> None:
        leased = run.leased[0]
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

    async def _run_batch(self, run: Run, batches: InBatches) -> None:
        started_at = self._queue.now() if self._on_settled else None
        jobs = [leased.job for leased in run.leased]
        try:
            end = await run_batch(jobs, batches.batch, self._queue.now)
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
        self.start_waiting()

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
        run = self._places.pop(task, None)
        if run is None:  # it was given up
            return
        if run.task is not None:  # it was cancelled before its first step
            _leave(run)
            for leased in run.leased:
                if not leased.is_over:
                    self.settle(leased, give_back(leased.job))
        self.start_waiting()
        self._on_end()


def _leave(run: Run) -> None:
    """Detach the task from a run that has ended: it goes on with other jobs, which nobody must cancel."""
    run.task = None
    for leased in run.leased:
        leased.run = None
