"""An outage of Postgres: two lines in the log, tries that become rarer, and then everything goes on."""

import asyncio
import logging
from urllib.parse import urlsplit

import asyncpg
import pytest

from jobq import Database, DatabaseUnavailableError, Queue, read_transaction
from jobq.outage import LONGEST_PAUSE, Outage
from tests.jobq.working import QUICK, Recorder, numbered, until, working

LOST = DatabaseUnavailableError("gone")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_one_line_says_that_it_began_and_one_that_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    for part in ("claim", "settle", "claim", "listen", "claim"):
        outage.fail(part, LOST, 0.5)
    outage.succeed("claim")
    outage.succeed("heartbeat")
    outage.leave("listen")
    assert len(warnings(caplog)) == 1
    outage.succeed("settle")
    began, ended = warnings(caplog)
    assert "does not answer (claim)" in began
    assert "answers again" in ended


def test_the_pauses_grow_to_a_limit_and_begin_anew_after_a_success() -> None:
    outage = Outage()
    pauses = [outage.fail("claim", LOST, 0.5) for _ in range(50)]
    assert 0.4 <= pauses[0] <= 0.5
    assert 0.8 <= pauses[1] <= 1.0
    assert max(pauses) <= 0.5 * LONGEST_PAUSE
    outage.succeed("claim")
    assert outage.fail("claim", LOST, 0.5) <= 0.5


async def _is_idle(queue: Queue) -> bool:
    return await queue.stats() == []


async def test_a_worker_logs_an_outage_in_two_lines_and_goes_on_afterwards(
    dsn: str, empty_dsn: str, note: Recorder, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    name = urlsplit(dsn).path[1:]
    async with Database(empty_dsn) as elsewhere, working(queue, {"note": note}, timing=QUICK):
        await queue.save_all(numbered(1))
        await note.reached(1)
        await until(lambda: _is_idle(queue))
        await elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            await elsewhere.execute(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = $1", name
            )
            await asyncio.sleep(0.5)
        finally:
            await elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await queue.save_all(numbered(3))
        await note.reached(3)
        await asyncio.sleep(QUICK.retry_after * LONGEST_PAUSE * 2)
    lines = warnings(caplog)
    assert len(lines) == 2, lines
    assert "does not answer" in lines[0]
    assert "answers again" in lines[1]


async def test_connections_to_a_server_that_was_demoted_are_replaced(db: Database) -> None:
    async def backend() -> int:
        async with db.connection() as connection:
            return int(await connection.fetchval("SELECT pg_backend_pid()"))

    async with db.connection() as connection:
        await connection.execute("SET default_transaction_read_only = on")
    demoted = await backend()
    with pytest.raises(DatabaseUnavailableError, match="takes no writes"):
        await db.execute("CREATE TABLE never (n int)")
    assert await backend() != demoted
    await db.check_writable()


async def test_check_writable_replaces_the_connections_to_a_standby(db: Database) -> None:
    async with db.connection() as connection:
        await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(DatabaseUnavailableError):
        await db.check_writable()
    await db.check_writable()


async def test_a_write_in_a_read_transaction_is_a_bug_and_no_outage(db: Database) -> None:
    @read_transaction
    async def write() -> None:
        await db.execute("CREATE TABLE never (n int)")

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await write()


async def test_work_that_takes_too_long_loses_its_connection(db: Database) -> None:
    async def sleep(seconds: float) -> str:
        async with db.transaction() as connection:
            await connection.fetchval("SELECT pg_sleep($1)", seconds)
        return "done"

    assert await db.run_within(sleep(0), 5.0) == "done"
    async with asyncio.timeout(2.0):
        with pytest.raises(DatabaseUnavailableError):
            await db.run_within(sleep(30), 0.1)
    assert await db.fetchval("SELECT 1") == 1


async def test_work_that_waits_for_a_connection_too_long_is_given_up(dsn: str) -> None:
    async with Database(dsn, max_size=1) as small, small.connection():
        async with asyncio.timeout(2.0):
            with pytest.raises(DatabaseUnavailableError):
                await small.run_within(small.fetchval("SELECT 1"), 0.1)


async def test_errors_of_work_in_time_pass_through(db: Database) -> None:
    async def fail() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await db.run_within(fail(), 1.0)
