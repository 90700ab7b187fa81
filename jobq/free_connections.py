"""A list of free connections before asyncpg's pool, whose checks cost as much as a small statement."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from jobq.connections import Connection

MOST_USES = 1_000
"""After so many, a connection goes through the pool's checks: it replaces one that ran very many queries."""
LONGEST_REST = 60.0
"""Seconds after which a free connection goes back to the pool, which closes it in the end."""


@dataclass(eq=False, slots=True)
class _Loan:
    connection: Connection
    generation: int
    uses: int = 1
    free_since: float = 0.0

    def is_usable(self) -> bool:
        """Whether it is open and in no transaction."""
        try:
            return not self.connection.is_closed() and not self.connection.is_in_transaction()
        except asyncpg.InterfaceError:  # it was cut, and the pool has it back already
            return False


class FreeConnections:
    """Lends the connections of an asyncpg pool, at most `max_size` at once.

    One that is given back in good order stays here for the next borrower. Any other goes back to the pool.
    """

    def __init__(self, pool: Any, max_size: int, longest_rest: float = LONGEST_REST) -> None:
        self._pool = pool
        self._longest_rest = longest_rest
        self._is_closing = False
        self._max_size = max_size
        self._free: list[_Loan] = []
        self._lent: dict[Connection, _Loan] = {}
        self._moving = 0
        """Connections on their way from or to the pool."""
        self._waiting: deque[asyncio.Future[_Loan | None]] = deque()
        self._generation = 0
        self._timer: asyncio.TimerHandle | None = None
        self._returning: set[asyncio.Task[None]] = set()

    def take_free(self) -> Connection | None:
        """The connection that was used last, or None if none is free."""
        while self._free:
            loan = self._free.pop()
            if loan.is_usable():
                loan.uses += 1
                self._lent[loan.connection] = loan
                return loan.connection
            self._return_soon([loan])
        return None

    async def take(self) -> Connection:
        """A connection: a free one, a new one, or the next that is given back."""
        connection = self.take_free()
        if connection is not None:
            return connection
        if len(self._lent) + self._moving < self._max_size:
            self._moving += 1
            return await self._take_from_pool()
        waiter: asyncio.Future[_Loan | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            loan = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result())
            raise
        return await self._take_from_pool() if loan is None else loan.connection

    async def give_back(self, connection: Connection, *, is_sound: bool) -> None:
        """The borrower is done. `is_sound` says that nothing failed meanwhile."""
        loan = self._lent[connection]
        is_current = loan.generation == self._generation and not self._is_closing
        if is_sound and is_current and loan.uses < MOST_USES and loan.is_usable():
            self._pass_on(loan)
            return
        del self._lent[connection]
        self._moving += 1
        await self._return(loan)

    async def expire(self) -> None:
        """Connect anew, each connection when it is next used."""
        self._generation += 1
        await self._pool.expire_connections()
        self._return_free()

    async def close(self) -> None:
        """Give the free connections back to the pool, which the caller closes."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._return_free()
        if self._returning:
            await asyncio.wait(self._returning)

    async def _take_from_pool(self) -> Connection:
        try:
            connection = await self._pool.acquire()
        except BaseException:
            self._pass_on(None)
            raise
        self._moving -= 1
        self._lent[connection] = _Loan(connection, self._generation)
        return connection

    def _pass_on(self, loan: _Loan | None) -> None:
        """Let the next borrower have this connection, or (None) the right to take one from the pool."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                if loan is not None:
                    loan.uses += 1
                waiter.set_result(loan)
                return
        if loan is None:
            self._moving -= 1
            return
        del self._lent[loan.connection]
        loan.free_since = time.monotonic()
        self._free.append(loan)
        self._watch()

    async def _return(self, loan: _Loan) -> None:
        try:
            await self._pool.release(loan.connection)
        finally:
            self._pass_on(None)

    def _return_soon(self, loans: Iterable[_Loan]) -> None:
        for loan in loans:
            self._moving += 1
            task = asyncio.get_running_loop().create_task(self._return(loan))
            self._returning.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._returning.discard(task)
        if not task.cancelled():
            task.exception()  # a connection that broke on its way: the pool opens another

    def _return_free(self) -> None:
        free, self._free = self._free, []
        self._return_soon(free)

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._longest_rest, self._return_rested)

    def _return_rested(self) -> None:
        self._timer = None
        rested_since = time.monotonic() - self._longest_rest
        rested = [loan for loan in self._free if loan.free_since <= rested_since]
        self._free = [loan for loan in self._free if loan.free_since > rested_since]
        self._return_soon(rested)
        if self._free:
            self._watch()
