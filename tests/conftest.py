"""What every test may ask for: a database of its own, on a real Postgres, with the real schema."""

import asyncio
import itertools
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
import structlog

from bot.local.embedded import EmbeddedPostgres, embedded_postgres
from bot.logs import CANDID
from bot.migrations import migrate
from tests.promises import promise, pytest_terminal_summary

if TYPE_CHECKING:
    from jobq import Database

__all__ = ["promise", "pytest_terminal_summary"]  # pytest finds them here

TEMPLATE = "ripe_template"

# Nothing here has to survive a crash of the machine.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One server for the session, or for each of its xdist workers."""
    # Not pytest's own folder: its path is too long for a Unix socket.
    home = Path(tempfile.mkdtemp(prefix="ripe-test-"))
    try:
        with embedded_postgres(home / "pg", FAST) as server:
            yield server
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a database that has every migration and no rows."""
    _execute(postgres.dsn(), f"CREATE DATABASE {TEMPLATE}")
    asyncio.run(migrate(postgres.dsn(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def empty_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a new database without any table, gone after the test."""
    yield from _database(postgres, "template1")


@pytest.fixture
def dsn(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of a new database with the schema and no rows, gone after the test."""
    yield from _database(postgres, template)


@pytest.fixture
async def db(dsn: str) -> AsyncIterator["Database"]:
    """The test's database, open and ambient."""
    from jobq import Database

    async with Database(dsn) as database:
        yield database


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """What a test does to the logs of its process ends with it."""
    names = ("", *CANDID)
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in names}
    handlers = root.handlers
    yield
    root.handlers = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def _database(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _execute(postgres.dsn(), f"CREATE DATABASE {name} TEMPLATE {template}")
    yield postgres.dsn(name)
    _execute(postgres.dsn(), f"DROP DATABASE {name} WITH (FORCE)")


def _execute(dsn: str, sql: str) -> None:
    asyncio.run(_execute_once(dsn, sql))


async def _execute_once(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
