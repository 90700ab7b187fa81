"""Concurrency keys: lets as many of their jobs into the lane as their limits allow.

A job with a key has a *slot* from its admission until it is settled, and a claim takes no such job without
one. The slot is a number in the job's own row, so whatever ends the row frees the slot: nothing is counted
that could go wrong. Only `admit` gives slots, one process at a time, and a unique index forbids two jobs the
same one. A ripe job that gets none is *blocked*: it leaves the lane, so that claims need not read past it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from jobq.connections import Connection, DedicatedConnection
from jobq.errors import TRANSIENT_ERRORS
from jobq.notifier import WakeUp
from jobq.queue import Queue
from jobq.sql import ADMISSION_LOCK, ADMIT, BLOCKED_KEYS
from jobq.timing import Timing
from jobq.waiting import wait_for_event

PAGE = 1_000
"""Arrived jobs, or keys, for one transaction."""
LOCK_IDLE_WITHIN = "2s"
"""Postgres ends the session of a process that was stopped while it held the lock."""
EVER = datetime.min.replace(tzinfo=UTC)
ADMIT_JOBS = "admit jobs"


async def admit(
    connection: Connection,
    lane: int,
    now: datetime,
    keys: Sequence[str] = (),
    since: datetime = EVER,
) -> datetime | None:
    """Admit jobs of `lane`: those that arrived and were due at `since` or later, and blocked ones of `keys`.

    Returns when the ripest admitted job was due; None if no job was admitted.
    """
    admitted: list[datetime] = []
    keys = list(keys)
    while True:
        page, keys = keys[:PAGE], keys[PAGE:]
        idle_within = None if connection.is_in_transaction() else LOCK_IDLE_WITHIN
        async with connection.transaction():
            await connection.execute(ADMISSION_LOCK, lane, idle_within)
            row = await connection.fetchrow(ADMIT, lane, now, page, PAGE, since)
        if row["due_at"] is not None:
            admitted.append(row["due_at"])
        if row["arrived"] < PAGE and not keys:
            return min(admitted, default=None)


async def admit_in_test(connection: Connection, lane: int, now: datetime, keys: Sequence[str]) -> None:
    """Like `admit` where nobody else admits jobs: without the lock, in one statement."""
    await connection.fetchrow(ADMIT, lane, now, keys, PAGE, EVER)


async def list_blocked_keys(connection: Connection, lane: int) -> list[str]:
    """The keys of the lane that have blocked jobs."""
    return [row["concurrency_key"] for row in await connection.fetch(BLOCKED_KEYS, lane)]


class Admission:
    """Admits jobs to the lane of one worker, apart from its claims: neither waits for the other."""

    def __init__(self, queue: Queue, lane: int, connection: DedicatedConnection, timing: Timing) -> None:
        self._queue = queue
        self._lane = lane
        self._connection = connection
        self._timing = timing
        self._freed: set[str] = set()
        self._since: datetime | None = None
        self._is_sweep = False
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_stopping = False

    def admit_arrived(self, since: datetime) -> None:
        """Jobs have arrived that were due at `since` or later."""
        self._since = since if self._since is None else min(since, self._since)
        self._begin()

    def hand_on(self, keys: Iterable[str]) -> None:
        """Slots of `keys` are free: their blocked jobs come next."""
        self._freed.update(keys)
        if self._freed:
            self._begin()

    def sweep(self) -> None:
        """Look at all keys that have blocked jobs: a process may have ended before it handed on a slot."""
        self._is_sweep = True
        self._begin()

    async def run(self) -> None:
        """Admit jobs until `stop`."""
        while not self._is_stopping:
            await self._has_work.wait()
            self._has_work.clear()
            if not self._is_stopping and not await self._admit():
                await wait_for_event(self._has_work, self._timing.retry_after)
                self._has_work.set()
            elif not self._has_work.is_set():
                self._is_idle.set()
        await self._connection.close()

    async def wait_until_done(self, within: float) -> None:
        """Wait until all slots are handed on, for `within` seconds at most."""
        await wait_for_event(self._is_idle, within)

    def stop(self) -> None:
        """Let `run` return."""
        self._is_stopping = True
        self._has_work.set()

    def _begin(self) -> None:
        self._is_idle.clear()
        self._has_work.set()

    async def _admit(self) -> bool:
        """Returns whether Postgres answered."""
        now = self._queue.now()
        freed, self._freed = self._freed, set()
        since, self._since = self._since, None
        is_sweep, self._is_sweep = self._is_sweep, False

        async def work(connection: Connection) -> datetime | None:
            keys = await list_blocked_keys(connection, self._lane) if is_sweep else sorted(freed)
            # A job that arrives now has a wake-up of its own.
            return await admit(connection, self._lane, now, keys, now if since is None else since)

        try:
            due_at = await self._connection.run(work, self._queue.database.command_timeout)
        except TRANSIENT_ERRORS as error:
            self._queue.database.outage.fail(ADMIT_JOBS, error, self._timing.retry_after)
            self._freed |= freed
            self._since, self._is_sweep = EVER, True
            return False
        self._queue.database.outage.succeed(ADMIT_JOBS)
        if due_at is not None:
            self._queue.notifier.notify(WakeUp(self._lane, due_at))
        return True
