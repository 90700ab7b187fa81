"""A pool of connections to Postgres, and the transaction of the current task."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import asyncpg

from jobq.connections import (
    CheckedConnection,
    Connection,
    ConnectionSource,
    SharedConnection,
    ignore_error,
)
from jobq.errors import DatabaseUnavailableError, TransactionDoomedError, unavailable_if_refused
from jobq.free_connections import FreeConnections
from jobq.outage import Outage
from jobq.waiting import wait_without_cancelling

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

SESSION_SETTINGS = {
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
}
"""Postgres settings of every connection: no session waits long for a lock, or holds one while it is idle."""

DEDICATED_SESSION_SETTINGS = {"plan_cache_mode": "force_generic_plan"}
"""More settings of connections outside the pool, which run a few statements again and again.

Without them, Postgres plans the first five runs of a statement for their arguments. For the 500 ids of a
batch it then reads the whole table: with 50,000 jobs that takes 80 ms instead of 3.
"""

_ambient_database: ContextVar["Database | None"] = ContextVar("ambient_database", default=None)
_borrowed: ContextVar["set[Connection] | None"] = ContextVar("borrowed_connections", default=None)
"""The connections that the work of `run_within` has borrowed."""
_ambient_transaction: ContextVar["_Transaction | None"] = ContextVar("ambient_transaction", default=None)


@dataclass(eq=False)
class _Transaction:
    """The outermost transaction of a task."""

    database: "Database"
    task: asyncio.Task[Any] | None
    connection: Connection
    read_only: bool
    doomed_by: BaseException | None = None
    after_commit: list[Callable[[], object]] = field(default_factory=list)


class Database:
    """A pool of connections to one Postgres database, with one transaction per task.

    Entering it opens the pool and makes it the ambient database, which the decorators below use.

    `direct_dsn` is an address for LISTEN that does not pass a transaction pooler (default: `dsn`). Behind
    PgBouncer pass `statement_cache_size=0` as well. `command_timeout` is how many seconds one statement, or
    one wait for a connection, may take.
    """

    def __init__(
        self,
        dsn: str,
        *,
        direct_dsn: str | None = None,
        max_size: int = 10,
        command_timeout: float = 10.0,
        statement_cache_size: int = 100,
        session: Mapping[str, str] = SESSION_SETTINGS,
    ) -> None:
        self.dsn = dsn
        self.direct_dsn = direct_dsn or dsn
        self.command_timeout = command_timeout
        self._max_size = max_size
        self._options: dict[str, Any] = {
            "command_timeout": command_timeout,
            "statement_cache_size": statement_cache_size,
            "server_settings": {"application_name": "jobq", **session},
            "connection_class": CheckedConnection,
        }
        self._pool: Any = None
        self._free: FreeConnections | None = None
        self._connections: ConnectionSource | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._outer_database: Database | None = None
        self.outage = Outage()

    async def open(self) -> None:
        """Open the pool. Raises DatabaseUnavailableError."""
        with unavailable_if_refused():
            # With a min_size asyncpg connects by itself: during an outage it logs a traceback each time, and
            # after a failover it may keep a connection to the server that was demoted.
            self._pool = await asyncpg.create_pool(
                self.dsn, min_size=0, max_size=self._max_size, reset=_keep_session, **self._options
            )
            async with self._pool.acquire():
                self._free = self._connections = FreeConnections(self._pool, self._max_size)

    async def close(self) -> None:
        """Let background work end, then disconnect. Connections still borrowed after a second are cut."""
        if self._background:
            await asyncio.wait(self._background, timeout=1.0)
        pool, free, self._pool, self._free, self._connections = self._pool, self._free, None, None, None
        if pool is None or free is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await free.close()
                await pool.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            pool.terminate()

    async def __aenter__(self) -> Self:
        await self.open()
        self._outer_database = _ambient_database.get()
        _ambient_database.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not reset(token): pytest may leave a fixture in another context than it entered it in.
        _ambient_database.set(self._outer_database)
        await self.close()

    @contextmanager
    def ambient(self) -> Iterator[None]:
        """Make this the ambient database of the block, and of tasks that are started in it."""
        outer = _ambient_database.get()
        _ambient_database.set(self)
        try:
            yield
        finally:
            _ambient_database.set(outer)

    def context(self) -> Context:
        """The context variables of the caller, with this database ambient, and in no transaction."""
        context = copy_context()
        context.run(_ambient_database.set, self)
        context.run(_ambient_transaction.set, None)
        context.run(_borrowed.set, None)
        return context

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        """Commit at the end of the block, or roll back if it raises. Joins the transaction of this task.

        A joined block that raises dooms the outermost transaction, even if the error is caught in between:
        at its end it rolls back and raises TransactionDoomedError. Tasks that are started in the block are
        not part of the transaction.
        """
        outer = self._transaction()
        if outer is None:
            async with self._begin(read_only) as connection:
                yield connection
            return
        if outer.read_only and not read_only:
            raise RuntimeError("a write transaction cannot join a read transaction")
        try:
            yield outer.connection
        except BaseException as error:
            outer.doomed_by = outer.doomed_by or error
            raise

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """The connection of this task's transaction, or else one from the pool, for the block."""
        outer = self._transaction()
        if outer is not None:
            yield outer.connection
            return
        async with self._borrow() as connection:
            yield connection

    async def fetch(self, sql: str, *arguments: object) -> list[Any]:
        """Run a query and return all rows."""
        async with self.connection() as connection:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            return rows

    async def fetchrow(self, sql: str, *arguments: object) -> Any:
        """Run a query and return its first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        """Run a query and return the first value of its first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: object) -> str:
        """Run a statement and return Postgres's command tag, such as `UPDATE 3`."""
        async with self.connection() as connection:
            tag: str = await connection.execute(sql, *arguments)
            return tag

    async def executemany(self, sql: str, rows: Iterable[Iterable[object]]) -> None:
        """Run a statement once for each row of arguments, atomically."""
        async with self.connection() as connection:
            await connection.executemany(sql, rows)

    def after_commit(self, hook: Callable[[], object]) -> None:
        """Call `hook` when the transaction of this task has committed, or now if there is none.

        It must not block. An error that it raises is logged, because the commit cannot be undone.
        """
        outer = self._transaction()
        if outer is None:
            hook()
        else:
            outer.after_commit.append(hook)

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start `work` in a task outside any transaction. `close` waits for it for up to a second."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def run_within(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """The outcome of `work`, which runs in a task of its own, outside the transaction of this one.

        Raises DatabaseUnavailableError if it takes longer than `seconds`. Then its connections are dropped,
        so that a frozen Postgres cannot hold up the caller; its last statement may still take effect.
        """
        borrowed: set[Connection] = set()
        before = _borrowed.get()
        _borrowed.set(borrowed)
        task = asyncio.get_running_loop().create_task(work)
        _borrowed.set(before)
        try:
            await wait_without_cancelling(task, seconds)
        finally:
            if not task.done():
                _abandon(task, borrowed)
        if task.cancelled() or not task.done():
            raise DatabaseUnavailableError(f"no answer within {seconds:.1f} s")
        return await task

    async def check_writable(self) -> None:
        """Raises DatabaseUnavailableError if Postgres cannot be reached or takes no writes."""
        async with self._borrow() as connection:
            if await connection.fetchval("SHOW transaction_read_only") != "off":
                raise asyncpg.ReadOnlySQLTransactionError("it is a standby")

    async def connect(self, dsn: str | None = None) -> Connection:
        """A new connection outside the pool, which the caller closes. Raises DatabaseUnavailableError."""
        options = {
            **self._options,
            "server_settings": {**self._options["server_settings"], **DEDICATED_SESSION_SETTINGS},
        }
        with unavailable_if_refused():
            return await asyncpg.connect(dsn or self.dsn, timeout=self.command_timeout, **options)

    @asynccontextmanager
    async def rolled_back(self) -> AsyncIterator[None]:
        """For tests: roll back everything at the end of the block.

        Until then all tasks take turns on one connection, and the outermost transaction of a task is a
        savepoint.
        """
        usual = self._connections
        async with self._borrow() as connection:
            undo = connection.transaction()
            await undo.start()
            self._connections = SharedConnection(connection)
            try:
                yield
            finally:
                if self._background:
                    await asyncio.wait(self._background, timeout=1.0)
                self._connections = usual
                await undo.rollback()

    @asynccontextmanager
    async def _begin(self, read_only: bool) -> AsyncIterator[Connection]:
        async with self._borrow(read_only=read_only) as connection:
            current = _Transaction(self, asyncio.current_task(), connection, read_only)
            before = _ambient_transaction.get()
            _ambient_transaction.set(current)
            try:
                async with connection.transaction(readonly=read_only):
                    yield connection
                    if current.doomed_by is not None:
                        raise TransactionDoomedError("an inner block failed") from current.doomed_by
            finally:
                _ambient_transaction.set(before)
        for hook in current.after_commit:
            _call(hook)

    @asynccontextmanager
    async def _borrow(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        source = self._connections
        if source is None:
            raise DatabaseUnavailableError("the database is not open")
        connection = source.take_free()
        if connection is None:
            with unavailable_if_refused():
                async with asyncio.timeout(self.command_timeout):
                    connection = await source.take()
        watched = _borrowed.get()
        if watched is not None:
            watched.add(connection)
        is_sound = False
        try:
            yield connection
            is_sound = True
        except asyncpg.ReadOnlySQLTransactionError as error:
            if read_only:
                raise
            await self._forget_connections()
            raise DatabaseUnavailableError(f"Postgres takes no writes now: {error}") from error
        finally:
            if watched is not None:
                watched.discard(connection)
            await source.give_back(connection, is_sound=is_sound)

    async def _forget_connections(self) -> None:
        """Connect anew, each connection when it is next used: this server was demoted after a failover."""
        if self._free is not None:
            await self._free.expire()

    def _transaction(self) -> _Transaction | None:
        current = _ambient_transaction.get()
        if current is None or current.database is not self:
            return None
        # A child task inherits the variable, but two tasks cannot share a connection.
        return current if current.task is asyncio.current_task() else None


def current_database() -> Database:
    """The ambient database. Raises RuntimeError if there is none."""
    database = _ambient_database.get()
    if database is None:
        raise RuntimeError(
            "no ambient database: enter `async with Database(...)` or `database.ambient()` first"
        )
    return database


def write_transaction(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run a coroutine function in a transaction of the ambient database; an error rolls it back."""

    @functools.wraps(function)
    async def atomic(*args: P.args, **kwargs: P.kwargs) -> T:
        async with current_database().transaction():
            return await function(*args, **kwargs)

    return atomic


def read_transaction(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Like `write_transaction`, but Postgres refuses writes."""

    @functools.wraps(function)
    async def atomic(*args: P.args, **kwargs: P.kwargs) -> T:
        async with current_database().transaction(read_only=True):
            return await function(*args, **kwargs)

    return atomic


def _abandon(task: asyncio.Task[Any], borrowed: Iterable[Connection]) -> None:
    task.add_done_callback(ignore_error)
    connections = list(borrowed)
    for connection in connections:
        connection.terminate()
    if not connections:
        task.cancel()  # it still waits for a connection


async def _keep_session(_: Connection) -> None:
    """Replaces asyncpg's reset, which costs a round trip for each use: nothing here changes sessions."""


def _call(hook: Callable[[], object]) -> None:
    try:
        hook()
    except Exception:
        # The transaction is committed, so the caller must not get an error.
        log.exception("a hook failed after the commit")
