"""asyncpg connections as the queue wants them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

import asyncpg

from jobq.errors import DatabaseUnavailableError, TransactionDoomedError, is_lost_connection

T = TypeVar("T")
Connection: TypeAlias = Any
"""An asyncpg connection, pooled or not: asyncpg publishes no types."""


class Connections(Protocol):
    """Where a Database borrows its connections."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]: ...


class CheckedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg publishes no types
    """Notices a COMMIT that did not commit."""

    __slots__ = ()

    async def execute(self, query: str, *args: object, **options: Any) -> str:
        """As asyncpg's. Raises TransactionDoomedError where a COMMIT was answered by a rollback."""
        tag: str = await super().execute(query, *args, **options)
        # Postgres answers the COMMIT of a failed transaction with ROLLBACK, and asyncpg does not look.
        if tag == "ROLLBACK" and query.startswith("COMMIT"):
            raise TransactionDoomedError("a statement in it failed")
        return tag


class OneConnection:
    """Hands the same connection to one task after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """The connection, once it is free."""
        async with self._turn:
            yield self._connection


class Line:
    """One connection of its own for one purpose. Opened when needed, and again after it was lost.

    A worker's own statements use lines, so that handlers which hold the whole pool cannot cost it its leases.
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
            # Not wait_for: it would wait for asyncpg's cancel request, which a frozen Postgres never answers.
            await asyncio.wait({task}, timeout=within)
        finally:
            if not task.done():
                self._abandon(task)
        if task.cancelled() or not task.done():
            raise DatabaseUnavailableError(f"no answer within {within} s")
        return await task

    async def close(self) -> None:
        """Disconnect politely, for a second at most."""
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
            if not (is_lost_connection(error) or isinstance(error, OSError)):
                raise
            self.drop()
            raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error

    def _abandon(self, task: asyncio.Task[T]) -> None:
        task.add_done_callback(_look_away)
        if self._connection is None:
            task.cancel()  # still connecting
        self.drop()


def _look_away(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()
