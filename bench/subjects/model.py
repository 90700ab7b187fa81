"""The interface of a queue that is measured beside others."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

Body = Callable[[int], asyncio.Future[None] | None]
"""The body of a job, given its number: nothing, or something to wait for."""


class Enqueuer(Protocol):
    """An open connection that enqueues numbered jobs."""

    async def save(self, number: int) -> None:
        """One job, committed on return."""

    async def save_all(self, numbers: Sequence[int], days_ahead: int = 0) -> None:
        """Many jobs at once, the way that this queue does it best."""


class Peer(Protocol):
    """One queue under measurement, with the settings its own documents recommend for speed."""

    name: str

    unfinished: str
    """SQL: whether a job that is ripe is not finished yet, in the database's own words."""

    async def install(self, dsn: str) -> None:
        """Make its tables in an empty database."""

    def enqueuing(self, dsn: str) -> AbstractAsyncContextManager[Enqueuer]:
        """Connect to enqueue."""


class Subject(Peer, Protocol):
    """A queue whose workers are written in Python."""

    async def work(self, dsn: str, body: Body, stop: asyncio.Event) -> None:
        """Run a worker until `stop` is set, then stop it as its documents say."""


@runtime_checkable
class ForeignSubject(Peer, Protocol):
    """A queue whose workers are written in another language."""

    def command(self, dsn: str, body: str, expected: int) -> list[str]:
        """Starts a worker that says what `bench/process.py` says."""
