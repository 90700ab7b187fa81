"""Helpers for tests of the queue: a clock to move, handlers to wait for, workers that run during a block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from jobq import ClaimedJob, Database, Handler, Job, Queue, Timing, Worker, utc_now
from jobq.connections import Connection

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WITHIN = 10.0
"""Seconds after which a test gives up waiting."""
NO_SWEEPS = Timing(sweep_every=600)
"""A worker finds a job in time only if it is woken."""
QUICK = Timing(
    lease=timedelta(seconds=0.6),
    heartbeat_every=0.1,
    heartbeat_within=0.2,
    trust_lease_for=0.4,
    sweep_every=0.1,
    retry_after=0.05,
)


class Clock:
    """The application's clock. It stands still until the test moves it."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Recorder:
    """A handler that records the argument `n` of each job, and lets a test wait for it."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        self._changed = asyncio.Condition()

    async def __call__(self, job: ClaimedJob) -> None:
        async with self._changed:
            self.ran.append(job.arguments.get("n"))
            self._changed.notify_all()

    async def reached(self, count: int) -> list[Any]:
        """Wait until so many jobs ran; returns their numbers."""
        async with asyncio.timeout(WITHIN), self._changed:
            await self._changed.wait_for(lambda: len(self.ran) >= count)
        return self.ran


class Blocker(Recorder):
    """A handler that records its job and then blocks until it is released or cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = asyncio.Event()
        self._released = asyncio.Event()

    async def __call__(self, job: ClaimedJob) -> None:
        await super().__call__(job)
        try:
            await self._released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def release(self) -> None:
        """Let all of its jobs end."""
        self._released.set()


async def happens(event: asyncio.Event) -> None:
    """Wait until `event` is set."""
    async with asyncio.timeout(WITHIN):
        await event.wait()


async def until(is_so: Callable[[], Awaitable[bool]], within: float = WITHIN) -> None:
    """Ask again and again until the answer is yes."""
    async with asyncio.timeout(within):
        while not await is_so():
            await pause(0.02)


async def pause(seconds: float) -> None:
    """Let time pass, where a fault is made of time or a condition sends no event."""
    await asyncio.sleep(seconds)


@asynccontextmanager
async def working(
    queue: Queue, handlers: Mapping[str, Handler], timing: Timing | None = None, **options: Any
) -> AsyncIterator[Worker]:
    """A worker that runs during the block and is then stopped in good order."""
    worker = Worker(queue, handlers, timing=timing, **options)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop(grace=2.0)
        await running


@asynccontextmanager
async def other_process(dsn: str, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Queue]:
    """The queue as another process sees it: with connections and wake-ups of its own."""
    async with Database(dsn) as database:
        yield Queue(database, now)


@asynccontextmanager
async def connected(db: Database) -> AsyncIterator[Connection]:
    """A connection outside the pool."""
    connection = await db.connect()
    try:
        yield connection
    finally:
        await connection.close()


async def is_empty(queue: Queue) -> bool:
    """Whether no job waits or runs."""
    return not await queue.queued(limit=1)


async def list_rows(db: Database) -> list[Any]:
    """All rows of the queue, the oldest first, with the instant at which each is due."""
    return await db.fetch("SELECT *, coalesce(ripe_at, created_at) AS due_at FROM job ORDER BY id")


async def load_only_row(db: Database) -> Any:
    """The row of the only job."""
    (row,) = await list_rows(db)
    return row


async def expire_leases(db: Database, tries: int | None = None) -> None:
    """Let every job look as if its worker had died, and optionally as if `tries` workers had."""
    await db.execute(
        "UPDATE job SET leased_until = now() - interval '1 second', tries = coalesce($1, tries)", tries
    )


def numbered(count: int, **options: Any) -> list[Job]:
    """Jobs of the type "note" with the arguments `{"n": 0}`, `{"n": 1}` and so on."""
    return [Job(job_type="note", arguments={"n": n}, **options) for n in range(count)]


async def insert_without_wake_up(db: Database) -> None:
    """Insert a job that was due long ago, without a NOTIFY."""
    await db.execute(
        "INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes)"
        " VALUES (0, 'note', '{\"n\": 1}', $1, 1, 1)",
        NOON,
    )
