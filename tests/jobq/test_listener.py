"""`listen` passes on notifications, and tells when some may have been missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobq import Database, listen
from tests.jobq.working import WITHIN, until

CUT = "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"

NOBODY_LISTENS = "SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


@asynccontextmanager
async def listening(db: Database) -> AsyncIterator["asyncio.Queue[str | None]"]:
    payloads: asyncio.Queue[str | None] = asyncio.Queue()
    task = asyncio.create_task(listen(db, "news", payloads.put_nowait, retry_after=0.05))
    try:
        async with asyncio.timeout(WITHIN):
            yield payloads
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_each_notification_is_passed_on_after_the_connection_is_there(db: Database) -> None:
    async with listening(db) as payloads:
        assert await payloads.get() is None
        await db.execute("NOTIFY news, 'first'; NOTIFY other, 'not ours'; NOTIFY news, 'second'")
        assert [await payloads.get(), await payloads.get()] == ["first", "second"]


async def test_after_a_cut_it_connects_again_and_tells_that_some_may_be_missing(db: Database) -> None:
    async with listening(db) as payloads:
        assert await payloads.get() is None
        await db.execute(CUT)
        assert await payloads.get() is None
        await db.execute("NOTIFY news, 'third'")
        assert await payloads.get() == "third"


async def test_its_connection_is_closed_when_it_is_cancelled(db: Database) -> None:
    async with listening(db) as payloads:
        assert await payloads.get() is None

    async def is_closed() -> bool:
        return bool(await db.fetchval(NOBODY_LISTENS))

    await until(is_closed)
