"""Brings a database to this code's schema: numbered SQL files, forward only, each applied once."""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bot.model import OperatorError

FOLDER = Path(__file__).parent.parent / "migrations"
LOCK = 7_276_905
"""Any number, so that no two processes migrate at once."""
LOCK_TRIES_EVERY = 0.1
"""Seconds. Polled: a process waiting inside Postgres would deadlock with CREATE INDEX CONCURRENTLY."""
LOCK_TIMEOUT = 2.0
"""Seconds that a statement waits for a table in use. Everybody else who wants the table queues behind it."""
LOCK_PATIENCE = 60.0
"""Seconds for which a file is tried again, because a table that it changes is in use."""
LOCK_PAUSE = 0.5
"""Seconds between two tries, in which the others get their turn."""
OLDEST_POSTGRES = 14
CONNECT_TIMEOUT = 10
"""Seconds."""
CHECK_ADDRESS = "Is it running, and is DATABASE_URL right?"

_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tells whether a file was changed after it had been applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(
    dsn: str, folder: Path = FOLDER, *, lock_timeout: float = LOCK_TIMEOUT, patience: float = LOCK_PATIENCE
) -> list[str]:
    """Apply the files of `folder` that the database lacks; returns their names.

    Each file and its row in `schema_migration` are one transaction. Any number of processes may call this at
    once: one works, the others wait. A table that other sessions have locked is waited for: `lock_timeout`
    seconds at a time, `patience` seconds for each file. Raises OperatorError when an applied file was
    changed, when the database is newer than this code, or when a file fails.
    """
    migrations = read_migrations(folder)
    async with _connected(dsn) as connection:
        _check_version(connection.get_server_version())
        async with _alone(connection):
            # A short time-out: a statement that waits for a lock makes everybody else queue behind it.
            await connection.execute(
                "SELECT set_config('lock_timeout', $1, false)", f"{lock_timeout * 1000:.0f}"
            )
            return await _apply_missing(connection, migrations, patience)


async def check_schema(dsn: str, folder: Path = FOLDER) -> None:
    """Raises OperatorError when the database lacks a file of `folder`.

    A newer database is fine: during an upgrade, old processes run on until they are replaced.
    """
    async with _connected(dsn) as connection:
        exists = await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
        rows = await connection.fetch("SELECT number FROM schema_migration") if exists else []
    applied = {row["number"] for row in rows}
    missing = [migration.name for migration in read_migrations(folder) if migration.number not in applied]
    if missing:
        raise OperatorError(f"The database lacks {', '.join(missing)}: run `ripe migrate` first.")


def read_migrations(folder: Path) -> list[Migration]:
    """The files of `folder` in order. Raises OperatorError for a wrong name or a repeated number."""
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise OperatorError(f"{path} must be named like 0007_what_it_does.sql")
        migrations.append(Migration(int(match["number"]), path.name, path.read_text()))
    numbers = [migration.number for migration in migrations]
    if len(set(numbers)) < len(numbers):
        raise OperatorError(f"Two files in {folder} have the same number.")
    return migrations


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT)
    except TimeoutError as error:
        raise OperatorError(f"Postgres did not answer in {CONNECT_TIMEOUT} s. {CHECK_ADDRESS}") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise OperatorError(f"Cannot connect to Postgres: {error}. {CHECK_ADDRESS}") from error
    try:
        yield connection
    finally:
        await connection.close()


def _check_version(version: asyncpg.types.ServerVersion) -> None:
    if version.major < OLDEST_POSTGRES:
        raise OperatorError(
            f"Ripe needs PostgreSQL {OLDEST_POSTGRES} or newer; this one is {version.major}.{version.minor}."
        )


@asynccontextmanager
async def _alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110
        await asyncio.sleep(LOCK_TRIES_EVERY)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _apply_missing(
    connection: asyncpg.Connection, migrations: Sequence[Migration], patience: float
) -> list[str]:
    await connection.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migration (
            number     int PRIMARY KEY,
            name       text NOT NULL,
            checksum   text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    rows = await connection.fetch("SELECT number, name, checksum FROM schema_migration")
    applied = {row["number"]: row for row in rows}
    _check_history(applied, migrations)
    missing = [migration for migration in migrations if migration.number not in applied]
    for migration in missing:
        await _apply_patiently(connection, migration, patience)
    return [migration.name for migration in missing]


def _check_history(applied: dict[int, asyncpg.Record], migrations: Sequence[Migration]) -> None:
    by_number = {migration.number: migration for migration in migrations}
    for number, row in sorted(applied.items()):
        if number not in by_number:
            raise OperatorError(
                f"The database has {row['name']}, which this version of Ripe does not know: "
                "it was made by a newer one. Run that one, or restore a backup."
            )
        if row["checksum"] != by_number[number].checksum:
            raise OperatorError(
                f"{by_number[number].name} was changed after it had been applied here. "
                "Put the file back as it was, and write the change as a new migration."
            )


async def _apply_patiently(connection: asyncpg.Connection, migration: Migration, patience: float) -> None:
    gives_up_at = time.monotonic() + patience
    while True:
        try:
            return await _apply(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if time.monotonic() >= gives_up_at:
                raise OperatorError(
                    f"{migration.name} changed nothing: for {patience:.0f} s other sessions locked what it"
                    f" changes ({error}). Run it again; pg_stat_activity shows who holds the lock."
                ) from error
            await asyncio.sleep(LOCK_PAUSE)
        except asyncpg.PostgresError as error:
            raise OperatorError(f"{migration.name} failed and changed nothing: {error}") from error


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.checksum,
        )
