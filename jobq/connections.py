"""asyncpg connections that suit a queue."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import asyncpg

from jobq.errors import DatabaseUnavailableError, TransactionDoomedError, is_demoted, is_lost_connection
from jobq.waiting import wait_without_cancelling

T = TypeVar("T")
Connection: TypeAlias = Any
"""An asyncpg connection, from a pool or not: asyncpg publishes no types."""


class ConnectionSource(Protocol):
    """Lends connections to a Database: its pool, or in tests one shared connection."""

    def take_free(self) -> Connection | None:
        """A connection that is free now, or None."""

    async def take(self) -> Connection:
        """A connection, as soon as there is one."""

    async def give_back(self, connection: Connection, *, is_sound: bool) -> None:
        """The borrower is done. `is_sound` says that nothing failed meanwhile."""


class CheckedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """Raises an error when Postgres rolled back instead of committing."""

    __slots__ = ()

    async def execute(self, query: str, *args: object, **options: Any) -> str:
        """Like asyncpg's `execute`. Raises TransactionDoomedError if a COMMIT led to a rollback."""
        tag: str = await super().execute(query, *args, **options)
        # Postgres answers the COMMIT of a failed transaction with ROLLBACK, and asyncpg does not look.
        if tag == "ROLLBACK" and query.startswith("COMMIT"):
            raise TransactionDoomedError("a statement in it failed")
        return tag


class SharedConnection:
    """Lends one connection to one task after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    def take_free(self) -> Connection | None:
        """None: tasks take turns."""
        return None

    async def take(self) -> Connection:
        """The connection, as soon as it is free."""
        await self._lock.acquire()
        return self._connection

    async def give_back(self, connection: Connection, *, is_sound: bool) -> None:
        """Let the next task have it."""
        self._lock.release()


class DedicatedConnection:
    """A connection outside the pool for one purpose. It is opened on first use, and again after it was lost.

    A worker uses them for its own statements. So handlers that occupy the whole pool cannot cost it its
    leases.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], Awaitable[T]], within: float) -> T:
        """Do `work` on the connection.

        Raises DatabaseUnavailableError if the connection is lost, or if the work takes longer than `within`
        seconds. Then the connection is dropped, so that a frozen Postgres cannot hold up the caller; the
        statement may still take effect.
        """
        task = asyncio.ensure_future(self._run(work))
        try:
            await wait_without_cancelling(task, within)
        finally:
            if not task.done():
                self._abandon(task)
        if task.cancelled() or not task.done():
            raise DatabaseUnavailableError(f"no answer within {within} s")
        return await task

    async def close(self) -> None:
        """Disconnect in good order, or after a second without an answer by force."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=1.0)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            connection.terminate()

    def drop(self) -> None:
        """Disconnect at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        try:
            return await work(self._connection)
        except Exception as error:
            if not (is_lost_connection(error) or is_demoted(error) or isinstance(error, OSError)):
                raise
            self.drop()
            raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error

    def _abandon(self, task: asyncio.Task[T]) -> None:
        task.add_done_callback(ignore_error)
        if self._connection is None:
            task.cancel()  # it is still connecting
        self.drop()


def ignore_error(task: asyncio.Task[T]) -> None:
    """Retrieve the error, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
