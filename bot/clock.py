"""The one clock of the bot. In the sandbox a person moves it, and every process follows."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from jobq import Database, DatabaseUnavailableError, is_lost_connection, utc_now

CHANNEL = "ripe_clock"
PROBE_EVERY = 30.0
"""Seconds. A connection that died without a word is noticed by asking."""
RETRY_AFTER = 1.0

log = structlog.get_logger()


class Clock:
    """What time it is for people and reminders. Tokens, signatures and leases stay on real time."""

    def __init__(self, shift: timedelta = timedelta(0)) -> None:
        self.shift = shift

    def now(self) -> datetime:
        """The current instant, aware and in UTC, moved by `shift`."""
        return utc_now() + self.shift


async def move_clock(db: Database, by: timedelta) -> timedelta:
    """Move the sandbox's clock ahead, for every process that follows it; returns how far ahead it is now.

    Raises ValueError when asked to go back: what was sent cannot be unsent.
    """
    if by < timedelta(0):
        raise ValueError("the clock only moves ahead")
    async with db.transaction() as connection:
        shift: timedelta = await connection.fetchval(
            """
            INSERT INTO sandbox_clock (shift) VALUES ($1)
            ON CONFLICT (is_only_row) DO UPDATE SET shift = sandbox_clock.shift + excluded.shift
            RETURNING shift
            """,
            by,
        )
        await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
    return shift


async def sync_clock(clock: Clock, db: Database) -> None:
    """Set `clock` as the sandbox's clock is set. A process does this before its first use of the time."""
    clock.shift = await _read_shift(db)


async def follow_clock(clock: Clock, db: Database, on_move: Callable[[], object]) -> None:
    """Keep `clock` as the sandbox's clock is set until cancelled, calling `on_move` after each change.

    Survives lost connections: after each new one it looks what it missed.
    """
    while True:
        try:
            await _follow_while_connected(clock, db, on_move)
        except Exception as error:
            if not (isinstance(error, DatabaseUnavailableError | OSError) or is_lost_connection(error)):
                raise
            log.warning("cannot follow the sandbox's clock, trying again", error=str(error))
            await asyncio.sleep(RETRY_AFTER)


async def _follow_while_connected(clock: Clock, db: Database, on_move: Callable[[], object]) -> None:
    moved = asyncio.Event()
    connection = await db.connect(db.direct_dsn)
    try:
        connection.add_termination_listener(lambda _: moved.set())
        await connection.add_listener(CHANNEL, lambda *_: moved.set())
        while True:
            moved.clear()
            _apply(clock, await _read_shift(connection), on_move)
            await _wait(moved)
    finally:
        # Not close(): it would wait for a server that may be gone.
        connection.terminate()


def _apply(clock: Clock, shift: timedelta, on_move: Callable[[], object]) -> None:
    if clock.shift != shift:
        clock.shift = shift
        on_move()


async def _wait(event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(PROBE_EVERY):
            await event.wait()
    except TimeoutError:
        return


async def _read_shift(source: Any) -> timedelta:
    shift: timedelta | None = await source.fetchval("SELECT shift FROM sandbox_clock")
    return shift or timedelta(0)
