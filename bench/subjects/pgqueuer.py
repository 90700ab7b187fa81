"""PgQueuer over asyncpg, the fastest of our peers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from pgqueuer import AsyncpgPoolDriver, PgQueuer, Queries
from pgqueuer.models import Job

from bench.subjects.model import Body

BATCH_SIZE = 200
"""A third faster than 100, its next smaller usual one. Measured once: 400 drains a fifth more."""


class PgQueuerEnqueuer:
    """Jobs of one entrypoint, their number as payload."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def save(self, number: int) -> None:
        """One INSERT."""
        await self._queries.enqueue("bench", str(number).encode())

    async def save_all(self, numbers: Sequence[int], days_ahead: int = 0) -> None:
        """Its bulk INSERT. It has no signature to compute."""
        count = len(numbers)
        later = timedelta(days=days_ahead) if days_ahead else None
        await self._queries.enqueue(
            ["bench"] * count, [str(n).encode() for n in numbers], [0] * count, [later] * count
        )


class PgQueuerSubject:
    """See `Subject`."""

    name = "pgqueuer"
    unfinished = "SELECT EXISTS (SELECT FROM pgqueuer WHERE execute_after <= now())"

    async def install(self, dsn: str) -> None:
        """Its own installer."""
        async with asyncpg.create_pool(dsn, min_size=1) as pool:
            await Queries(AsyncpgPoolDriver(pool)).install()

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[PgQueuerEnqueuer]:
        """Over an asyncpg pool."""
        async with asyncpg.create_pool(dsn, min_size=1) as pool:
            yield PgQueuerEnqueuer(Queries(AsyncpgPoolDriver(pool)))

    async def work(self, dsn: str, body: Body, stop: asyncio.Event) -> None:
        """One worker process's worth."""
        async with asyncpg.create_pool(dsn, min_size=4) as pool:
            worker = PgQueuer.from_asyncpg_pool(pool)

            async def handle(job: Job) -> None:
                if (waiting := body(int(job.payload or b""))) is not None:
                    await waiting

            worker.entrypoint("bench")(handle)
            running = asyncio.create_task(worker.run(batch_size=BATCH_SIZE))
            await stop.wait()
            worker.shutdown.set()
            await running


SUBJECT = PgQueuerSubject()
