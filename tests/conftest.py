"""Fixtures for every test: a database of its own, on a real Postgres, with the real schema."""

import gc
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from werkzeug.routing import Rule

from bot.local.embedded import EmbeddedPostgres, embedded_postgres
from bot.logs import CANDID
from tests.databases import Databases
from tests.promises import promise, pytest_terminal_summary

if TYPE_CHECKING:
    from jobq import Database

__all__ = ["promise", "pytest_terminal_summary"]  # pytest finds them here

_compile_builder = Rule._compile_builder


def _compile_when_used(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    def build(rule: Rule, **values: object) -> tuple[str, str]:
        return _compile_builder(rule, append_unknown)(rule, **values)

    return build


# Werkzeug compiles two URL builders for every route of every app: 130 ms for a whole bot. Tests make hundreds
# of bots and build hardly a URL.
Rule._compile_builder = _compile_when_used  # type: ignore[assignment, method-assign]

# Nothing here has to survive a crash of the machine.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    # Each bot opens connections of its own, and Postgres would plan a statement five times on each of them.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of full size an hour, unless they name their own limit."""
    for item in items:
        if item.get_closest_marker("torture") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3600))


def pytest_collection_finish() -> None:
    """Spare the collector all modules and tests: they stay until the end."""
    gc.collect()
    gc.freeze()


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
def databases(postgres: EmbeddedPostgres) -> Iterator[Databases]:
    """New and used databases of that server, with the schema."""
    with Databases(postgres) as databases:
        databases.prepare()
        yield databases


@pytest.fixture
def empty_dsn(databases: Databases) -> Iterator[str]:
    """The address of a new database without any table, gone after the test."""
    with databases.new("template1") as dsn:
        yield dsn


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    """The address of a database with the schema and no rows, only this test's."""
    with databases.borrowed() as dsn:
        yield dsn


@pytest.fixture
async def db(dsn: str) -> AsyncIterator["Database"]:
    """The test's database, open and ambient."""
    from jobq import Database

    async with Database(dsn) as database:
        yield database


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Undo the changes that a test makes to the logs of its process."""
    names = ("", *CANDID)
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in names}
    handlers = root.handlers
    yield
    root.handlers = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()
