"""An upgrade of the database while the bot serves, and a locked table in its way (promise D6)."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from bot.migrations import FOLDER, migrate, read_migrations
from bot.model import OperatorError
from tests.databases import pg_dump
from tests.promises import Promise

NEXT = "ALTER TABLE person ADD COLUMN newer text; CREATE INDEX delivery_newer ON delivery (event);"
SAVE = """
    INSERT INTO delivery (workspace_id, guid, event, received_at, outcome)
    VALUES (1, gen_random_uuid(), 'ping', now(), 'applied')
"""
TORTURE = [pytest.mark.torture, pytest.mark.timeout(600)]


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The migrations of this release and one more, which alters tables that are in use."""
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)
    (folder / f"{len(read_migrations(FOLDER)) + 1:04}_next.sql").write_text(NEXT)
    return folder


@contextmanager
def without_last(folder: Path) -> Iterator[Path]:
    """The folder as the release before has it."""
    last = sorted(folder.glob("*.sql"))[-1]
    kept = last.read_text()
    last.unlink()
    yield folder
    last.write_text(kept)


async def serve(dsn: str, stop: asyncio.Event) -> tuple[int, list[Exception]]:
    """Reads and writes as the bot does until `stop`. Returns how often, and the errors."""
    connection = await asyncpg.connect(dsn, server_settings={"lock_timeout": "2s"})
    count, errors = 0, list[Exception]()
    try:
        while not stop.is_set():
            try:
                async with connection.transaction():
                    await connection.fetch("SELECT id, name FROM person FOR NO KEY UPDATE")
                    await connection.execute(SAVE)
            except asyncpg.PostgresError as error:
                errors.append(error)
            count += 1
            await asyncio.sleep(0.005)
    finally:
        await connection.close()
    return count, errors


async def hold_lock(dsn: str, seconds: float) -> None:
    """Another session reads a table in a long transaction: no migration can alter it meanwhile."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.fetch("SELECT id FROM person")
            await asyncio.sleep(seconds)
    finally:
        await connection.close()


@pytest.mark.parametrize("seconds", [0.6, pytest.param(10.0, marks=TORTURE)])
async def test_the_bot_serves_while_a_migration_waits_for_a_locked_table(
    empty_dsn: str, next_release: Path, promise: Promise, seconds: float
) -> None:
    await migrate(empty_dsn)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(empty_dsn, stop))
    holding = asyncio.create_task(hold_lock(empty_dsn, seconds))
    await asyncio.sleep(0.1)
    applied = await migrate(empty_dsn, next_release)
    is_after = holding.done()
    await holding
    stop.set()
    count, errors = await serving
    promise("D6", f"{seconds:g} s locked, {count} transactions", f"{len(errors)} errors")
    assert errors == []
    assert is_after
    assert [name.endswith("_next.sql") for name in applied] == [True]


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=TORTURE)])
async def test_two_releases_that_start_at_once_do_not_deadlock(
    empty_dsn: str, next_release: Path, promise: Promise, times: int
) -> None:
    stuck: list[str] = []
    for _ in range(times):
        await _empty(empty_dsn)
        outcomes = await asyncio.gather(
            *(migrate(empty_dsn, folder) for folder in (FOLDER, next_release) * 2), return_exceptions=True
        )
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        # The release before may come second, and says so.
        stuck += [str(error) for error in failures if not _is_newer(error)]
    promise("D6", f"two releases at once, {times} times", f"{len(stuck)} deadlocks or errors")
    assert stuck == []


def _is_newer(error: BaseException) -> bool:
    return isinstance(error, OperatorError) and "newer" in str(error)


async def _empty(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    finally:
        await connection.close()


async def test_the_schema_is_the_sum_of_the_migrations_however_they_were_applied(
    empty_dsn: str, next_release: Path, promise: Promise
) -> None:
    await _empty(empty_dsn)
    await migrate(empty_dsn, next_release)
    at_once = await asyncio.to_thread(_schema, empty_dsn)
    await _empty(empty_dsn)
    with without_last(next_release):
        await migrate(empty_dsn, next_release)
    await migrate(empty_dsn, next_release)
    in_two = await asyncio.to_thread(_schema, empty_dsn)
    promise("D6", "all at once, and in two steps", "one schema" if at_once == in_two else "two schemas")
    assert at_once == in_two
    assert "CREATE TABLE public.review_request" in at_once


def _schema(dsn: str) -> str:
    """The dump without the random words and the rows in it."""
    dump = pg_dump(dsn).decode()
    dump = re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)
    return re.sub(r"^COPY .*?^\\\.$", "", dump, flags=re.MULTILINE | re.DOTALL)
