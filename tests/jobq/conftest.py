"""One database for all tests of the queue. Emptying it before each test is faster than creating one."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from bot.local.embedded import EmbeddedPostgres
from jobq import Database, Queue
from tests.jobq.working import Clock, Recorder

NAME = "test_jobq"
EMPTY = """
    TRUNCATE job, job_dead RESTART IDENTITY;
    DROP TABLE IF EXISTS note, ran, customer_order;
    SELECT pg_stat_reset();
"""


@pytest.fixture(scope="session")
def queue_dsn(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of the database that the tests of the queue share."""
    asyncio.run(_execute(postgres.dsn(), f"CREATE DATABASE {NAME} TEMPLATE {template}"))
    yield postgres.dsn(NAME)
    asyncio.run(_execute(postgres.dsn(), f"DROP DATABASE {NAME} WITH (FORCE)"))


@pytest.fixture
def dsn(queue_dsn: str) -> str:
    """The address of a database with the schema and no rows."""
    asyncio.run(_execute(queue_dsn, EMPTY))
    return queue_dsn


@pytest.fixture
def queue(db: Database) -> Queue:
    """A queue on the real clock."""
    return Queue(db)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at noon."""
    return Clock()


@pytest.fixture
def noon_queue(db: Database, clock: Clock) -> Queue:
    """A queue on the test's clock."""
    return Queue(db, clock)


@pytest.fixture
def note() -> Recorder:
    """The handler of jobs of the type "note"."""
    return Recorder()


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
