"""The one clock of the bot. In the sandbox a person moves it, and every process follows."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from jobq import Database, is_lost_connection, listen, utc_now

CHANNEL = "ripe_clock"
RETRY_AFTER = 1.0
"""Seconds."""

log = structlog.get_logger()


class Clock:
    """The time for people and reminders. Tokens, signatures and leases stay on real time."""

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
            INSERT INTO sandbox_clock (shift, moved_on) VALUES ($1, clock_timestamp())
            ON CONFLICT (is_only_row) DO UPDATE
            SET (shift, moved_on) = (sandbox_clock.shift + excluded.shift, excluded.moved_on)
            RETURNING shift
            """,
            by,
        )
        await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
    return shift


async def sync_clock(clock: Clock, db: Database) -> None:
    """Set `clock` to the sandbox's shift. A process does this before it first uses the time."""
    clock.shift = await _read_shift(db)


async def follow_clock(clock: Clock, db: Database, on_move: Callable[[], object]) -> None:
    """Keep `clock` at the sandbox's shift until cancelled, calling `on_move` after each change.

    Survives lost connections: after each new connection it reads the shift again.
    """
    # Not `clock.shift`: a part of this process that moves the clock sets it before we hear of it.
    last = clock.shift
    is_outdated = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(listen(db, CHANNEL, lambda _: is_outdated.set(), RETRY_AFTER))
        while True:
            await is_outdated.wait()
            is_outdated.clear()
            shift = await _find_shift(db)
            if shift is None:
                is_outdated.set()
                await asyncio.sleep(RETRY_AFTER)
            elif shift != last:
                clock.shift = last = shift
                on_move()


async def _find_shift(db: Database) -> timedelta | None:
    """None if Postgres does not answer."""
    try:
        return await _read_shift(db)
    except Exception as error:
        if not (isinstance(error, OSError) or is_lost_connection(error)):
            raise
        log.warning("cannot read the sandbox's clock, trying again", error=str(error))
        return None


async def _read_shift(db: Database) -> timedelta:
    shift: timedelta | None = await db.fetchval("SELECT shift FROM sandbox_clock")
    return shift or timedelta(0)
