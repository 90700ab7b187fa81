"""A test sees an empty migrated database, whatever the test before it did to the same one."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.databases import Databases, pg_dump

FILLED = """
    INSERT INTO workspace (slack_team_id) VALUES ('T1'), ('T2');
    INSERT INTO person (workspace_id, slack_user_id, name, zone)
        SELECT max(id), 'U1', 'Ana', 'UTC' FROM workspace;
    INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes)
        VALUES (0, 'note', '{}', now(), 1, 1);
    UPDATE schema_migration SET checksum = 'another';
    DELETE FROM workspace WHERE id = 1;
"""
LEFT_BEHIND = {
    "a table": "CREATE TABLE left_behind ()",
    "a column": "ALTER TABLE person ADD COLUMN left_behind int",
    "a dropped index": "DROP INDEX job_ripe",
    "a renamed table": "ALTER TABLE action RENAME TO left_behind",
    "a function": "CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql RETURN 1",
    "a trigger": "CREATE TRIGGER left_behind BEFORE UPDATE ON job FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a schema": "CREATE SCHEMA left_behind",
    "statistics": "INSERT INTO sandbox_clock (shift) VALUES ('0'); ANALYZE sandbox_clock",
    "pages": "INSERT INTO setting SELECT n, repeat('x', 1000), now() FROM generate_series(1, 2000) AS n",
}


def execute(dsn: str, sql: str) -> None:
    async def connect_and_execute() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(connect_and_execute())


def dump(dsn: str) -> list[bytes]:
    """In no order: rows that were written again may lie elsewhere."""
    # pg_dump guards its output with a random word.
    lines = pg_dump(dsn).splitlines()
    return sorted(line for line in lines if not line.startswith((b"\\restrict", b"\\unrestrict")))


def test_rows_and_numbers_of_one_test_are_gone_for_the_next(databases: Databases) -> None:
    with databases.new() as dsn:
        new = dump(dsn)
    with databases.borrowed() as dsn:
        execute(dsn, FILLED)
        filled = dump(dsn)
    with databases.borrowed() as again:
        assert again == dsn
        assert dump(again) == new != filled


@pytest.mark.parametrize("sql", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_a_database_with_more_left_behind_than_rows_is_never_seen_again(
    databases: Databases, sql: str
) -> None:
    with databases.borrowed() as dsn:
        execute(dsn, sql)
    with databases.borrowed() as another:
        assert another != dsn


def test_settings_of_a_database_do_not_outlive_the_test(databases: Databases) -> None:
    with databases.borrowed() as dsn:
        execute(
            dsn, f"ALTER DATABASE {dsn.split('/')[3].split('?')[0]} SET default_transaction_read_only = on"
        )
    with databases.borrowed() as another:
        assert another != dsn


Leave = Callable[[str], Awaitable[asyncpg.Connection]]


async def connect_and_wait(dsn: str) -> asyncpg.Connection:
    return await asyncpg.connect(dsn)


async def connect_and_cut_others(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return connection


@pytest.mark.parametrize("leave", [connect_and_wait, connect_and_cut_others])
async def test_a_session_that_stays_loses_its_database(databases: Databases, leave: Leave) -> None:
    borrowing = databases.borrowed()
    dsn = await asyncio.to_thread(borrowing.__enter__)
    left = await leave(dsn)
    try:
        await asyncio.to_thread(borrowing.__exit__, None, None, None)
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await left.execute("SELECT 1")
    finally:
        left.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn)
