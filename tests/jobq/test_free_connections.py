"""Connections wait in a list for the next borrower; after any trouble they go through the pool's checks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from jobq import Database, DatabaseUnavailableError
from jobq.connections import Connection
from jobq.free_connections import MOST_USES, FreeConnections
from tests.jobq.working import pause, until

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool:
        yield pool


@pytest.fixture
async def free(pool: Any) -> AsyncIterator[FreeConnections]:
    connections = FreeConnections(pool, 2)
    yield connections
    await connections.close()


async def pid_of(connection: Connection) -> Any:
    return await connection.fetchval(PID)


async def test_the_connection_that_was_used_last_is_lent_first(free: FreeConnections) -> None:
    first, second = await free.take(), await free.take()
    pids = [await pid_of(first), await pid_of(second)]
    await free.give_back(second, is_sound=True)
    await free.give_back(first, is_sound=True)
    again = free.take_free()
    assert await pid_of(again) == pids[0]
    await free.give_back(again, is_sound=True)


async def test_borrowers_wait_in_order_when_all_are_lent(free: FreeConnections) -> None:
    lent = [await free.take(), await free.take()]
    waiting = [asyncio.create_task(free.take()) for _ in range(3)]
    await pause(0)
    assert free.take_free() is None
    for task, connection in zip(waiting, [*lent, lent[0]], strict=True):
        await free.give_back(connection, is_sound=True)
        assert await task is connection
    for connection in lent:
        await free.give_back(connection, is_sound=True)


async def test_a_borrower_that_gives_up_passes_its_connection_on(free: FreeConnections) -> None:
    lent = [await free.take(), await free.take()]
    first, second = asyncio.create_task(free.take()), asyncio.create_task(free.take())
    await pause(0)
    await free.give_back(lent[0], is_sound=True)
    first.cancel()  # it has the connection and does not know it yet
    assert await second is lent[0]
    for connection in lent:
        await free.give_back(connection, is_sound=True)


async def test_a_connection_after_an_error_frees_its_place_for_those_who_wait(free: FreeConnections) -> None:
    lent = [await free.take(), await free.take()]
    waiting = asyncio.create_task(free.take())
    await pause(0)
    await lent[0].close()
    await free.give_back(lent[0], is_sound=False)
    replaced = await waiting
    assert await pid_of(replaced)
    for connection in (replaced, lent[1]):
        await free.give_back(connection, is_sound=True)


async def test_a_connection_that_was_cut_while_it_was_free_is_replaced(free: FreeConnections) -> None:
    connection = await free.take()
    connection.terminate()
    await free.give_back(connection, is_sound=True)
    replaced = await free.take()
    assert await pid_of(replaced)
    await free.give_back(replaced, is_sound=True)


async def test_an_open_transaction_is_rolled_back_before_the_next_borrower(free: FreeConnections) -> None:
    connection = await free.take()
    await connection.execute("BEGIN")
    await free.give_back(connection, is_sound=True)
    following = await free.take()
    assert not following.is_in_transaction()
    await free.give_back(following, is_sound=True)


async def test_a_demoted_server_is_left_by_each_connection(free: FreeConnections) -> None:
    lent = [await free.take(), await free.take()]
    before = {await pid_of(connection) for connection in lent}
    await free.give_back(lent[0], is_sound=True)
    await free.expire()
    await free.give_back(lent[1], is_sound=True)
    after = [await free.take(), await free.take()]
    assert before.isdisjoint({await pid_of(connection) for connection in after})
    for connection in after:
        await free.give_back(connection, is_sound=True)


async def test_a_connection_that_rests_goes_back_to_the_pool(pool: Any) -> None:
    free = FreeConnections(pool, 2, longest_rest=0.01)
    await free.give_back(await free.take(), is_sound=True)

    async def is_back() -> bool:
        return bool(pool.get_idle_size() == 1)

    await until(is_back)
    assert free.take_free() is None


async def test_a_connection_that_served_often_is_checked_by_the_pool(
    pool: Any, free: FreeConnections
) -> None:
    for _ in range(MOST_USES):
        await free.give_back(await free.take(), is_sound=True)
    assert pool.get_idle_size() == 1


async def test_a_database_that_was_full_and_slow_answers_again(dsn: str) -> None:
    async with Database(dsn, max_size=1, command_timeout=0.2) as db:
        async with db.connection():
            with pytest.raises(DatabaseUnavailableError):
                await db.fetchval(PID)
        with pytest.raises(TimeoutError):
            await db.execute("SELECT pg_sleep(5)")
        assert await db.fetchval(PID)


async def test_a_cancelled_statement_leaves_a_connection_that_works(dsn: str) -> None:
    async with Database(dsn, max_size=1) as db:
        sleeping = asyncio.create_task(db.execute("SELECT pg_sleep(5)"))
        await pause(0.05)
        sleeping.cancel()
        await asyncio.wait({sleeping})
        assert await db.fetchval("SELECT 1") == 1
