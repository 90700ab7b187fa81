"""Wake-ups: how workers learn at once that a job is due. Without them polling finds it some seconds later."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import asyncpg

from jobq.db import Database
from jobq.errors import DatabaseUnavailableError
from jobq.listener import listen

log = logging.getLogger(__name__)

CHANNEL = "jobq"
MERGE_WITHIN = 0.005
"""Seconds after a NOTIFY during which wake-ups wait for the next, because each takes a commit's locks."""


class WakeUp(NamedTuple):
    """A job of `lane` (None: of any lane) is due at `due_at` (None: look through the whole lane)."""

    lane: int | None = None
    due_at: datetime | None = None


OnWakeUp: TypeAlias = Callable[[WakeUp], None]


class Notifier:
    """Wakes the workers of this process directly, and those of other processes by NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sender = secrets.token_hex(4)
        self._subscribers: set[OnWakeUp] = set()
        self._unsent: dict[int | None, WakeUp] = {}
        self._is_sending = False

    def subscribe(self, on_wake_up: OnWakeUp) -> None:
        """Call `on_wake_up` for each wake-up of this process."""
        self._subscribers.add(on_wake_up)

    def unsubscribe(self, on_wake_up: OnWakeUp) -> None:
        """Undo `subscribe`."""
        self._subscribers.discard(on_wake_up)

    async def listen(self, on_wake_up: OnWakeUp, retry_after: float) -> None:
        """Call `on_wake_up` for each wake-up of other processes, until cancelled."""

        def on_notify(payload: str | None) -> None:
            sender, wake_up = ("", WakeUp()) if payload is None else parse_wake_up(payload)
            if sender != self._sender:
                on_wake_up(wake_up)

        await listen(self._database, CHANNEL, on_notify, retry_after)

    def notify(self, wake_up: WakeUp) -> None:
        """Wake all workers now. Wake-ups that come during a NOTIFY or soon after share the next one."""
        for on_wake_up in self._subscribers:
            on_wake_up(wake_up)
        self._unsent[wake_up.lane] = _merge(self._unsent.get(wake_up.lane), wake_up)
        if not self._is_sending:
            self._is_sending = True
            self._database.run_in_background(self._send())

    async def _send(self) -> None:
        try:
            while self._unsent:
                # Without arguments Postgres plans nothing; without a write it does not wait for the disk.
                notify = "; ".join(
                    f"NOTIFY {CHANNEL}, '{render_wake_up(wake_up, self._sender)}'"
                    for wake_up in self._unsent.values()
                )
                self._unsent.clear()
                await self._database.execute(notify)
                await asyncio.sleep(MERGE_WITHIN)
        except (DatabaseUnavailableError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("wake-up not sent, other workers will poll: %s", type(error).__name__)
        finally:
            self._is_sending = False


def render_wake_up(wake_up: WakeUp, sender: str) -> str:
    """The payload of a NOTIFY. `sender` lets a process ignore its own."""
    lane = "" if wake_up.lane is None else str(wake_up.lane)
    due_at = "" if wake_up.due_at is None else wake_up.due_at.isoformat()
    return f"{sender} {lane} {due_at}"


def parse_wake_up(payload: str) -> tuple[str, WakeUp]:
    """The sender and the wake-up. A payload that does not parse wakes every worker."""
    try:
        sender, lane, due_at = payload.split(" ")
        instant = datetime.fromisoformat(due_at).astimezone(UTC) if due_at else None
        return sender, WakeUp(int(lane) if lane else None, instant)
    except ValueError:
        return "", WakeUp()


def _merge(first: WakeUp | None, second: WakeUp) -> WakeUp:
    """One wake-up in place of two for the same lane."""
    if first is None:
        return second
    if first.due_at is None or second.due_at is None:
        return WakeUp(second.lane)
    return WakeUp(second.lane, min(first.due_at, second.due_at))
