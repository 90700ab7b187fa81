"""The schema: the first process applies it, once and in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from bot.migrations import FOLDER, check_schema, migrate, read_migrations
from bot.model import OperatorError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_fruit.sql").write_text("CREATE TABLE fruit (name text PRIMARY KEY);")
    (tmp_path / "0002_plum.sql").write_text(
        "INSERT INTO fruit VALUES ('plum'); INSERT INTO fruit VALUES ('fig');"
    )
    return tmp_path


async def fruit(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row["name"] for row in await connection.fetch("SELECT name FROM fruit ORDER BY name")]
    finally:
        await connection.close()


async def test_missing_files_are_applied_in_order_and_only_once(empty_dsn: str, folder: Path) -> None:
    assert await migrate(empty_dsn, folder) == ["0001_fruit.sql", "0002_plum.sql"]
    assert await migrate(empty_dsn, folder) == []
    (folder / "0003_more.sql").write_text("INSERT INTO fruit VALUES ('quince')")
    assert await migrate(empty_dsn, folder) == ["0003_more.sql"]
    assert await fruit(empty_dsn) == ["fig", "plum", "quince"]


async def test_many_processes_migrating_at_once_apply_each_file_once(empty_dsn: str, folder: Path) -> None:
    outcomes = await asyncio.gather(*(migrate(empty_dsn, folder) for _ in range(4)))
    assert sorted(len(names) for names in outcomes) == [0, 0, 0, 2]


async def test_a_failing_file_changes_nothing_and_says_which(empty_dsn: str, folder: Path) -> None:
    (folder / "0003_bad.sql").write_text("INSERT INTO fruit VALUES ('quince'); SELECT 1/0")
    with pytest.raises(OperatorError, match=r"0003_bad.sql failed and changed nothing: division by zero"):
        await migrate(empty_dsn, folder)
    assert await fruit(empty_dsn) == ["fig", "plum"]


@asynccontextmanager
async def reading_fruit(dsn: str) -> AsyncIterator[None]:
    """Another session, in the middle of a transaction that reads the table."""
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.fetch("SELECT name FROM fruit")
            yield
    finally:
        await other.close()


async def test_a_migration_waits_for_another_sessions_lock(empty_dsn: str, folder: Path) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0003_ripe.sql").write_text("ALTER TABLE fruit ADD COLUMN is_ripe boolean")
    async with reading_fruit(empty_dsn):
        migrating = asyncio.create_task(migrate(empty_dsn, folder, lock_timeout=0.1))
        finished, _ = await asyncio.wait([migrating], timeout=1.0)
        assert not finished
    assert await migrating == ["0003_ripe.sql"]


async def test_other_sessions_work_while_a_migration_waits_for_a_lock(empty_dsn: str, folder: Path) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0003_ripe.sql").write_text("ALTER TABLE fruit ADD COLUMN is_ripe boolean")
    async with reading_fruit(empty_dsn):
        migrating = asyncio.create_task(migrate(empty_dsn, folder, lock_timeout=0.1))
        for _ in range(20):
            assert await asyncio.wait_for(fruit(empty_dsn), timeout=1.0) == ["fig", "plum"]
    await migrating


async def test_a_lock_that_is_never_released_ends_the_migration_and_says_where_to_look(
    empty_dsn: str, folder: Path
) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0003_ripe.sql").write_text("ALTER TABLE fruit ADD COLUMN is_ripe boolean")
    async with reading_fruit(empty_dsn):
        with pytest.raises(OperatorError, match=r"0003_ripe.sql changed nothing: .*pg_stat_activity"):
            await migrate(empty_dsn, folder, lock_timeout=0.05, patience=0.2)
    assert await migrate(empty_dsn, folder) == ["0003_ripe.sql"]


async def test_a_file_changed_after_it_was_applied_is_refused(empty_dsn: str, folder: Path) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0001_fruit.sql").write_text("CREATE TABLE fruit (name text)")
    with pytest.raises(OperatorError, match=r"0001_fruit.sql was changed after it had been applied"):
        await migrate(empty_dsn, folder)


async def test_a_database_of_a_newer_version_is_refused(empty_dsn: str, folder: Path) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0002_plum.sql").unlink()
    with pytest.raises(OperatorError, match=r"0002_plum.sql, which this version of Ripe does not know"):
        await migrate(empty_dsn, folder)


async def test_a_process_that_needs_a_newer_schema_says_what_to_run(empty_dsn: str, folder: Path) -> None:
    with pytest.raises(OperatorError, match=r"lacks 0001_fruit.sql, 0002_plum.sql: run `ripe migrate`"):
        await check_schema(empty_dsn, folder)
    await migrate(empty_dsn, folder)
    await check_schema(empty_dsn, folder)


async def test_an_older_process_runs_on_while_the_database_is_already_newer(
    empty_dsn: str, folder: Path
) -> None:
    await migrate(empty_dsn, folder)
    (folder / "0002_plum.sql").unlink()
    await check_schema(empty_dsn, folder)


async def test_an_address_without_an_answer_is_reported_with_what_to_check() -> None:
    with pytest.raises(OperatorError, match=r"Cannot connect to Postgres: .*DATABASE_URL right\?"):
        await migrate("postgresql://127.0.0.1:1/none")


def test_two_files_with_one_number_are_refused(folder: Path) -> None:
    (folder / "0002_pear.sql").write_text("")
    with pytest.raises(OperatorError, match="the same number"):
        read_migrations(folder)


def test_a_file_without_a_number_is_refused(folder: Path) -> None:
    (folder / "pear.sql").write_text("")
    with pytest.raises(OperatorError, match="must be named like"):
        read_migrations(folder)


def test_the_projects_own_files_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in read_migrations(FOLDER)]
    assert numbers == list(range(1, len(numbers) + 1))
