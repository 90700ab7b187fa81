"""What the tests of the worker share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from jobq import (
    ClaimedJob,
    Database,
    Handler,
    Job,
    Queue,
    Timing,
    Worker,
    utc_now,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLLING_IS_TOO_SLOW = Timing(sweep_every=600)
QUICK = Timing(
    lease=timedelta(seconds=0.6),
    heartbeat_every=0.1,
    heartbeat_within=0.2,
    trust_lease_for=0.4,
    sweep_every=0.1,
    retry_after=0.05,
)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Log:
    """A handler that notes what it ran, and lets a test wait for it."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        self._grown = asyncio.Condition()

    async def __call__(self, job: ClaimedJob) -> None:
        async with self._grown:
            self.ran.append(job.arguments.get("n"))
            self._grown.notify_all()

    async def reached(self, count: int) -> list[Any]:
        async with asyncio.timeout(10), self._grown:
            await self._grown.wait_for(lambda: len(self.ran) >= count)
        return self.ran


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
async def another(dsn: str, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Queue]:
    """The queue as another process sees it."""
    async with Database(dsn) as database:
        yield Queue(database, now)


async def only_row(db: Database) -> Any:
    (row,) = await db.fetch("SELECT * FROM job")
    return row


def numbered(count: int, **options: Any) -> list[Job]:
    return [Job(job_type="note", arguments={"n": n}, **options) for n in range(count)]


async def insert_silently(db: Database) -> None:
    """A long overdue job that nobody was told of."""
    await db.execute(
        "INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes)"
        " VALUES (0, 'note', '{\"n\": 1}', $1, 1, 1)",
        NOON,
    )
