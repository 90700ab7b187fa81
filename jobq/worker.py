"""Claims jobs, runs them, settles them, until it is told to stop."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from datetime import datetime, timedelta

from jobq.attempt import attempt
from jobq.claims import Claim, claim, sync
from jobq.connections import Connection, Line
from jobq.errors import TRANSIENT_ERRORS
from jobq.job import Handler
from jobq.leases import Held, Leases
from jobq.listener import Listener
from jobq.queue import Queue
from jobq.scan import Scan
from jobq.settlement import (
    Settlement,
    is_suspect,
    settle_error,
    settle_hopeless,
    settle_suspect,
    settle_unstarted,
)
from jobq.settler import Settler
from jobq.timing import Timing, wait_for_event
from jobq.wake import Wake

log = logging.getLogger(__name__)

MOST_UNSETTLED = 1_000
"""Beyond this many results that Postgres has not taken, no new job is claimed."""
FLUSH_WITHIN = 4.0
"""Seconds that the last flush may take. What it misses runs again when its lease expires."""

Observer = Callable[[Settlement, timedelta, timedelta], None]
"""Hears of every claimed job once: what became of it, how long after it was due its try began (application
clock, never negative), how long it ran. Both are zero if it did not run. It must not block."""


class Worker:
    """Runs the jobs of one lane in this process.

    `handlers` maps job types to coroutine functions; each try runs in a task of its own, with the queue's
    database ambient. At most `concurrency` run at once, and `prefetch` more may be claimed and wait: 0 for
    slow jobs, so that another worker can take them, some hundreds for fast ones. `on_settled` is told of each
    settlement, for metrics; what it raises is logged and hurts no job.
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
        self._handlers = handlers
        self._concurrency = concurrency
        self._prefetch = prefetch
        self._lane = lane
        self._timing = timing or Timing()
        self._on_settled = on_settled
        database = queue.database
        self._claims = Line(database.connect)
        self._scan = Scan(self._timing.sweep_every)
        self._leases = Leases(Line(database.connect), self._timing)
        self._attention = asyncio.Event()
        # Whoever waits because too much is unsettled must hear when it is not any more.
        self._settler = Settler(
            queue, Line(database.connect), self._leases, self._timing, self._attention.set
        )
        self._listener = Listener(
            Line(lambda: database.connect(database.direct_dsn)), queue.bell.origin, self._hear, self._timing
        )
        self._waiting: deque[Held] = deque()
        self._suspect: Held | None = None
        self._running: dict[asyncio.Task[None], Held] = {}
        self._ended = asyncio.Event()
        self._ended.set()
        self._is_stopping = False
        self._grace = 0.0

    async def run(self) -> None:
        """Work until `stop` is called."""
        self._ended.clear()
        self._queue.bell.add(self._hear)
        parts = (self._leases, self._settler, self._listener)
        try:
            with self._queue.database.ambient():
                self._context = copy_context()
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part.run())
                await self._claim_until_stopped()
                await self._wind_down()
                for part in parts:
                    part.stop()
                await self._claims.close()
        finally:
            self._queue.bell.remove(self._hear)
            self._leases.lose_all()
            self._ended.set()

    async def stop(self, grace: float = 8.0) -> None:
        """Stop in good order; returns when `run` is over.

        Claims nothing more, gives back what has not started, lets what runs end within `grace` seconds (then
        it is cancelled and given back), writes the results, and closes the connections last.
        """
        self._grace = grace
        self._is_stopping = True
        self._attention.set()
        await self._ended.wait()

    def wake(self) -> None:
        """Look everywhere now, such as after the application's clock was moved."""
        self._hear(Wake())

    def _hear(self, wake: Wake) -> None:
        if wake.lane is None or wake.lane == self._lane:
            self._scan.ask(wake.due_at)
            self._attention.set()

    async def _claim_until_stopped(self) -> None:
        while not self._is_stopping:
            self._attention.clear()
            room = self._room()
            pause = self._scan.seconds_to_wait()
            if room == 0 or pause > 0:
                await wait_for_event(self._attention, pause if room > 0 else self._timing.sweep_every)
            elif not await self._claim(room):
                await wait_for_event(self._attention, self._timing.retry_after)

    def _room(self) -> int:
        """How many jobs to claim now. Half of the prefetched ones are used up first: claims stay large."""
        if len(self._waiting) > self._prefetch // 2 or len(self._settler) >= MOST_UNSETTLED:
            return 0
        return max(0, self._concurrency + self._prefetch - len(self._running) - len(self._waiting))

    async def _claim(self, limit: int) -> bool:
        """Claim and start. Whether Postgres answered."""
        now = self._queue.now()
        after = self._scan.begin()
        # Who is behind has nothing to win by starting some jobs a moment sooner.
        is_durable = self._scan.is_behind

        async def work(connection: Connection) -> Claim:
            return await claim(
                connection, self._lane, now, limit, after, self._timing.lease, is_durable=is_durable
            )

        sent_at = time.monotonic()
        try:
            found = await self._claims.run(work, self._queue.database.command_timeout)
        except TRANSIENT_ERRORS as error:
            log.warning("cannot claim: %s", error)
            self._scan.ask(None)
            return False
        self._scan.end(found, limit, now)
        claimed = [self._leases.hold(job, sent_at) for job in found.jobs]
        suspects = [held for held in claimed if not self._admit(held)]
        if suspects:
            await self._isolate(suspects)
        self._start_waiting()
        return is_durable or await self._sync(claimed)

    async def _sync(self, claimed: Sequence[Held]) -> bool:
        """Wait until no crash can undo what was claimed, while it runs already. Whether Postgres answered.

        A crash before that may make somebody else run it, too: so without an answer it is called off at once.
        """
        jobs = [held.job for held in claimed if not held.is_over]
        if not jobs:
            return True

        async def work(connection: Connection) -> set[int]:
            return await sync(connection, jobs)

        try:
            sure = await self._claims.run(work, self._queue.database.command_timeout)
        except TRANSIENT_ERRORS as error:
            log.warning("a crash may have undone the claim of %d jobs: %s", len(jobs), error)
            for held in claimed:
                if not held.is_over:
                    self._recall(held)
            self._scan.ask(None)
            return False
        for held in claimed:
            if held.job.id not in sure and not held.is_over:
                self._leases.lose(held.job)
        return True

    def _admit(self, held: Held) -> bool:
        """Let a claimed job wait for its turn, or settle it where it has no tries left. False: a suspect."""
        hopeless = settle_hopeless(held.job)
        if hopeless is not None:
            self._settle(held, hopeless, 0.0)
        elif is_suspect(held.job):
            return False
        else:
            self._waiting.append(held)
        return True

    async def _isolate(self, suspects: list[Held]) -> None:
        """Run one suspect at a time, the others given back: a job that kills its worker dies alone."""
        is_free = self._suspect is None or self._suspect.is_over
        chosen = suspects.pop(0) if is_free else None
        for held in suspects:
            self._settle(held, settle_suspect(held.job, self._queue.now()), 0.0)
        # First written, then run: it may be the last thing this process does.
        await self._settler.flushed(FLUSH_WITHIN)
        if chosen is not None:
            self._suspect = chosen
            self._waiting.appendleft(chosen)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self._concurrency and not self._is_stopping:
            held = self._waiting.popleft()
            if not held.is_over:
                held.task = asyncio.get_running_loop().create_task(
                    self._try(held), context=self._context.copy()
                )
                self._running[held.task] = held
                held.task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        held = self._running.pop(task)
        if not held.is_over:  # it was cancelled before its first step
            self._settle(held, settle_unstarted(held.job), 0.0)
        self._start_waiting()
        self._attention.set()

    async def _try(self, held: Held) -> None:
        started_at = time.monotonic()
        begun_at = self._queue.now() if self._on_settled else None
        try:
            settlement, _ = await attempt(held.job, self._handlers, self._queue.now)
        except asyncio.CancelledError as error:
            settlement = self._settle_cancelled(held, error)
        if not held.is_lost:
            self._settle(held, settlement, time.monotonic() - started_at, begun_at)

    def _settle_cancelled(self, held: Held, error: asyncio.CancelledError) -> Settlement:
        if held.is_recalled:
            return settle_unstarted(held.job)
        return settle_error(held.job, error, self._queue.now())

    def _recall(self, held: Held) -> None:
        """Call it off and give it back."""
        if held.task is None:
            self._settle(held, settle_unstarted(held.job), 0.0)
        else:
            held.is_recalled = True
            held.task.cancel()

    def _settle(
        self, held: Held, settlement: Settlement, seconds: float, begun_at: datetime | None = None
    ) -> None:
        """Every try of every job passes here once: the one line of log, and the place to count."""
        held.is_settled = True
        job = settlement.job
        log.info(
            "%s: %s job %d, try %d, %.0f ms",
            settlement.outcome,
            job.job_type,
            job.id,
            job.tries,
            seconds * 1000,
        )
        self._settler.add(settlement)
        if self._on_settled is not None:
            waited = max(timedelta(0), begun_at - job.due_at) if begun_at else timedelta(0)
            try:
                self._on_settled(settlement, waited, timedelta(seconds=seconds))
            except Exception:
                # Whoever counts must not stop what is counted.
                log.exception("an observer failed")

    async def _wind_down(self) -> None:
        while self._waiting:
            held = self._waiting.popleft()
            if not held.is_over:
                self._recall(held)
        if self._running:
            await asyncio.wait(self._running, timeout=self._grace)
        for held in self._running.values():
            self._recall(held)
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)
        await self._settler.flushed(FLUSH_WITHIN)
