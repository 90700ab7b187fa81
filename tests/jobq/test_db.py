"""Transactions that join, hooks after a commit, and connections that answer in time."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from contextvars import Context

import asyncpg
import pytest

from jobq import (
    Database,
    DatabaseUnavailableError,
    TransactionDoomedError,
    current_database,
    read_transaction,
    write_transaction,
)
from jobq.connections import Connection, DedicatedConnection
from tests.jobq.working import connected, happens


@pytest.fixture(autouse=True)
async def _table(db: Database) -> AsyncIterator[None]:
    await db.execute("CREATE TABLE note (n int PRIMARY KEY)")
    yield
    await db.execute("DROP TABLE note")


async def insert(n: int) -> None:
    await current_database().execute("INSERT INTO note VALUES ($1)", n)


async def notes(db: Database) -> list[int]:
    return [row["n"] for row in await db.fetch("SELECT n FROM note ORDER BY n")]


async def test_a_write_transaction_commits_when_the_function_returns(db: Database) -> None:
    @write_transaction
    async def write(n: int) -> str:
        await insert(n)
        return "written"

    assert await write(1) == "written"
    assert await notes(db) == [1]


async def test_a_write_transaction_rolls_back_when_the_function_raises(db: Database) -> None:
    @write_transaction
    async def write() -> None:
        await insert(1)
        raise KeyError

    with pytest.raises(KeyError):
        await write()
    assert await notes(db) == []


async def test_a_read_transaction_refuses_to_write(db: Database) -> None:
    @read_transaction
    async def write() -> None:
        await insert(1)

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await write()


async def test_a_read_joins_a_write_but_a_write_cannot_join_a_read(db: Database) -> None:
    async with db.transaction(), db.transaction(read_only=True):
        await insert(1)
    assert await notes(db) == [1]

    with pytest.raises(RuntimeError, match="cannot join"):
        async with db.transaction(read_only=True), db.transaction():
            await insert(2)


async def test_a_nested_transaction_is_part_of_the_outer_one(db: Database) -> None:
    async def write() -> None:
        async with db.transaction():
            async with db.transaction():
                await insert(1)
            raise KeyError

    with pytest.raises(KeyError):
        await write()
    assert await notes(db) == []


async def test_an_inner_error_dooms_the_outer_transaction_even_if_it_is_caught(db: Database) -> None:
    caught = KeyError("inner")

    async def outer() -> None:
        async with db.transaction():
            await insert(1)
            with suppress(KeyError):
                async with db.transaction():
                    raise caught
            await insert(2)

    with pytest.raises(TransactionDoomedError) as doomed:
        await outer()
    assert doomed.value.__cause__ is caught
    assert await notes(db) == []


async def test_a_swallowed_sql_error_is_raised_at_the_commit(db: Database) -> None:
    committed: list[str] = []

    async def write() -> None:
        async with db.transaction():
            db.after_commit(lambda: committed.append("yes"))
            await insert(1)
            with suppress(asyncpg.UniqueViolationError):
                await insert(1)

    with pytest.raises(TransactionDoomedError):
        await write()
    assert await notes(db) == []
    assert committed == []
    await insert(1)  # the pool got its connection back in order


async def test_a_savepoint_may_fail_without_dooming_the_transaction(db: Database) -> None:
    async with db.transaction() as connection:
        await insert(1)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with connection.transaction():
                await insert(1)
        await insert(2)
    assert await notes(db) == [1, 2]


async def test_a_child_task_is_outside_the_transaction(db: Database) -> None:
    async with db.transaction():
        await insert(1)
        assert await asyncio.create_task(notes(db)) == []
        assert await asyncio.create_task(_is_in_transaction(db)) is False
        assert await _is_in_transaction(db) is True


async def _is_in_transaction(db: Database) -> bool:
    async with db.connection() as connection:
        return bool(connection.is_in_transaction())


async def test_two_tasks_have_two_transactions(db: Database) -> None:
    async def write(n: int) -> None:
        async with db.transaction():
            await insert(n)

    await asyncio.gather(*(write(n) for n in range(20)))
    assert await notes(db) == list(range(20))


async def test_hooks_run_after_the_outermost_commit_and_never_after_a_rollback(db: Database) -> None:
    called: list[str] = []
    async with db.transaction():
        async with db.transaction():
            db.after_commit(lambda: called.append("inner"))
        assert called == []
    assert called == ["inner"]

    with pytest.raises(KeyError):
        await _fail(db, lambda: called.append("rolled back"))
    assert called == ["inner"]

    db.after_commit(lambda: called.append("at once"))
    assert called == ["inner", "at once"]


async def _fail(db: Database, hook: Callable[[], object] = bool) -> None:
    async with db.transaction():
        db.after_commit(hook)
        await insert(99)
        raise KeyError


async def test_a_failing_hook_does_not_make_a_commit_look_failed(db: Database) -> None:
    called: list[str] = []

    def fail() -> None:
        raise KeyError

    async with db.transaction():
        db.after_commit(fail)
        db.after_commit(lambda: called.append("next"))
        await insert(1)
    assert called == ["next"]
    assert await notes(db) == [1]


async def test_a_cancelled_transaction_is_rolled_back(db: Database) -> None:
    inserted = asyncio.Event()

    async def write() -> None:
        async with db.transaction():
            await insert(1)
            inserted.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await happens(inserted)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await notes(db) == []


async def test_rolled_back_undoes_everything_at_the_end_of_the_block(db: Database) -> None:
    async with db.rolled_back():
        async with db.transaction():
            await insert(1)
        with pytest.raises(KeyError):
            await _fail(db)
        assert await asyncio.create_task(notes(db)) == [1]
    assert await notes(db) == []


async def test_the_ambient_database_is_the_one_that_was_entered_last(db: Database, dsn: str) -> None:
    assert current_database() is db
    async with Database(dsn) as inner:
        assert current_database() is inner
        with db.ambient():
            assert current_database() is db
    assert current_database() is db


def test_without_an_ambient_database_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="async with Database"):
        Context().run(current_database)


async def test_every_connection_limits_lock_waits_and_idle_transactions(db: Database) -> None:
    async with db.connection() as pooled, connected(db) as dedicated:
        for connection in (pooled, dedicated):
            assert await connection.fetchval("SHOW lock_timeout") == "2s"
            assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "15s"


async def test_a_query_that_gets_no_connection_in_time_raises_database_unavailable(dsn: str) -> None:
    async with Database(dsn, max_size=1, command_timeout=0.1) as small, small.connection():
        with pytest.raises(DatabaseUnavailableError):
            await asyncio.create_task(small.execute("SELECT 1"))


async def test_a_closed_or_unreachable_database_raises_database_unavailable(dsn: str) -> None:
    database = Database(dsn)
    with pytest.raises(DatabaseUnavailableError):
        await database.execute("SELECT 1")
    with pytest.raises(DatabaseUnavailableError):
        await Database("postgresql://postgres@127.0.0.1:1/nothing").open()


async def test_a_terminated_connection_is_replaced(db: Database) -> None:
    async with db.connection() as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
    async with connected(db) as other:
        await other.execute("SELECT pg_terminate_backend($1, 1000)", pid)
    await insert(1)
    assert await notes(db) == [1]


async def test_queries_work_without_prepared_statements(dsn: str) -> None:
    async with Database(dsn, statement_cache_size=0) as database:
        assert await database.fetchval("SELECT $1::int", 1) == 1


async def test_a_dedicated_connection_gives_up_on_a_frozen_postgres_and_connects_again(db: Database) -> None:
    dedicated = DedicatedConnection(db.connect)

    async def ask(connection: Connection) -> int:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))

    pid = await dedicated.run(ask, 4.0)
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(1.0):
            with pytest.raises(DatabaseUnavailableError):
                await dedicated.run(ask, 0.1)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await dedicated.run(ask, 4.0) != pid
    await dedicated.close()
