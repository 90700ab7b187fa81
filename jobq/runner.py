"""Runs claimed jobs: starts their handlers, a limited number at once, and settles each job."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from typing import TypeAlias

from jobq.execution import run_handler
from jobq.job import Handler
from jobq.leases import LeasedJob
from jobq.queue import Queue
from jobq.settlement import Settlement, give_back, settle_error, settle_overdue
from jobq.settlement_writer import SettlementWriter

log = logging.getLogger(__name__)

CANCEL_WITHIN = 1.0
"""Seconds that cancelled handlers get to end."""

Observer: TypeAlias = Callable[[Settlement, timedelta, timedelta], object]
"""Takes a settlement, how late the try started (never negative), and how long it ran.

It is called once for each claimed job. Lateness is measured by the application's clock. Both times are zero
for a job that did not run. It must not block.
"""


class Runner:
    """The handlers of one worker. Each runs in a task of its own, with the queue's database ambient.

    `on_end` is called when a handler has ended.
    """

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        concurrency: int,
        writer: SettlementWriter,
        *,
        on_end: Callable[[], object],
        on_settled: Observer | None,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._concurrency = concurrency
        self._writer = writer
        self._on_end = on_end
        self._on_settled = on_settled
        self._context = Context()
        self._waiting: deque[LeasedJob] = deque()
        self._running: dict[asyncio.Task[None], LeasedJob] = {}
        self._is_stopping = False

    @property
    def waiting(self) -> int:
        """How many claimed jobs have not been started."""
        return len(self._waiting)

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
        self._waiting.append(leased)

    def add_first(self, leased: LeasedJob) -> None:
        """Run it before those that wait already."""
        self._waiting.appendleft(leased)

    def start_waiting(self) -> None:
        """Start as many handlers as may run at once."""
        while self._waiting and len(self._running) < self._concurrency and not self._is_stopping:
            leased = self._waiting.popleft()
            if not leased.is_over:
                leased.started_at = time.monotonic()
                leased.task = asyncio.get_running_loop().create_task(
                    self._run(leased), context=self._context.copy()
                )
                self._running[leased.task] = leased
                leased.task.add_done_callback(self._end)

    def list_running(self) -> list[LeasedJob]:
        """The jobs whose handlers run."""
        return list(self._running.values())

    def give_up(self, leased: LeasedJob, error: TimeoutError) -> None:
        """Settle a job whose cancelled handler goes on, and let another job have its place."""
        if leased.task is not None:
            self._running.pop(leased.task, None)
        if not leased.is_over:
            self.settle(leased, settle_error(leased.job, error, self._queue.now()))
        self.start_waiting()
        self._on_end()

    def stop_starting(self) -> None:
        """Start no more handlers."""
        self._is_stopping = True

    async def finish(self, grace: float) -> None:
        """Give back what was not started, and let handlers run for `grace` seconds; then cancel them."""
        while self._waiting:
            leased = self._waiting.popleft()
            if not leased.is_over:
                self.abort(leased)
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for leased in self._running.values():
            self.abort(leased)
        if self._running:
            await asyncio.wait(self._running, timeout=CANCEL_WITHIN)

    def abort(self, leased: LeasedJob) -> None:
        """Give the job back; if its handler runs, cancel that first."""
        if leased.task is None:
            self.settle(leased, give_back(leased.job))
        else:
            leased.is_aborted = True
            leased.task.cancel()

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

    async def _run(self, leased: LeasedJob) -> None:
        began = time.monotonic() if leased.started_at is None else leased.started_at
        started_at = self._queue.now() if self._on_settled else None
        try:
            settlement, _ = await run_handler(leased.job, self._handlers, self._queue.now)
        except asyncio.CancelledError as error:
            settlement = self._settle_cancelled(leased, error)
        if leased.overdue is not None:
            settlement = settle_overdue(settlement, leased.overdue, self._queue.now())
        if not leased.is_over:
            self.settle(leased, settlement, time.monotonic() - began, started_at)

    def _settle_cancelled(self, leased: LeasedJob, error: asyncio.CancelledError) -> Settlement:
        if leased.is_aborted:
            return give_back(leased.job)
        return settle_error(leased.job, error, self._queue.now())

    def _end(self, task: asyncio.Task[None]) -> None:
        leased = self._running.pop(task, None)
        if leased is None:  # it was given up
            return
        if not leased.is_over:  # it was cancelled before its first step
            self.settle(leased, give_back(leased.job))
        self.start_waiting()
        self._on_end()
