"""The sandbox's clock: moved by one process, followed by all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from bot.clock import Clock, follow_clock, move_clock, sync_clock
from jobq import Database

HOUR = timedelta(hours=1)


class Follower:
    """A process that follows the clock, and how often it noticed a move."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.moves: asyncio.Queue[timedelta] = asyncio.Queue()

    async def next_shift(self) -> timedelta:
        async with asyncio.timeout(5):
            return await self.moves.get()


@asynccontextmanager
async def following(db: Database) -> AsyncIterator[Follower]:
    follower = Follower()
    task = asyncio.create_task(
        follow_clock(follower.clock, db, lambda: follower.moves.put_nowait(follower.clock.shift))
    )
    try:
        yield follower
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_a_clock_is_real_time_plus_its_shift() -> None:
    with freeze_time("2026-03-02 09:00"):
        assert Clock().now() == datetime(2026, 3, 2, 9, tzinfo=UTC)
        assert Clock(4 * HOUR).now() == datetime(2026, 3, 2, 13, tzinfo=UTC)


async def test_every_process_follows_a_move(db: Database) -> None:
    async with following(db) as web, following(db) as worker:
        await move_clock(db, 4 * HOUR)
        assert await web.next_shift() == 4 * HOUR
        assert await worker.next_shift() == 4 * HOUR
        assert await move_clock(db, HOUR) == 5 * HOUR
        assert await web.next_shift() == 5 * HOUR


async def test_a_process_that_starts_later_begins_at_the_moved_time(db: Database) -> None:
    await move_clock(db, 4 * HOUR)
    clock = Clock()
    await sync_clock(clock, db)
    assert clock.shift == 4 * HOUR


async def test_an_unmoved_clock_is_real_time(db: Database) -> None:
    clock = Clock()
    await sync_clock(clock, db)
    assert clock.shift == timedelta(0)


async def test_a_process_whose_connection_was_cut_catches_up(db: Database) -> None:
    async with following(db) as follower:
        await move_clock(db, HOUR)
        await follower.next_shift()
        async with db.transaction():
            await db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE $1", "LISTEN%"
            )
            await move_clock(db, HOUR)
        assert await follower.next_shift() == 2 * HOUR


async def test_the_clock_does_not_go_back(db: Database) -> None:
    with pytest.raises(ValueError, match="only moves ahead"):
        await move_clock(db, -HOUR)


async def test_a_move_that_is_rolled_back_moves_nobody(db: Database) -> None:
    async def move_and_fail() -> None:
        async with db.transaction():
            await move_clock(db, HOUR)
            raise ZeroDivisionError

    async with following(db) as follower:
        with pytest.raises(ZeroDivisionError):
            await move_and_fail()
        await move_clock(db, 2 * HOUR)
        assert await follower.next_shift() == 2 * HOUR
