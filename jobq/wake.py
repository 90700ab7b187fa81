"""How workers learn at once that there is something to do. Polling finds it anyway, some seconds later."""

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import asyncpg

from jobq.db import Database
from jobq.errors import DatabaseUnavailableError

log = logging.getLogger(__name__)

CHANNEL = "jobq"


class Wake(NamedTuple):
    """Something of `lane` (None: of any) is due at `due_at` (None: look everywhere)."""

    lane: int | None = None
    due_at: datetime | None = None


Waker: TypeAlias = Callable[[Wake], None]


class Bell:
    """Wakes the workers of this process by a call and those of others by NOTIFY."""

    def __init__(self, database: Database) -> None:
        self.origin = secrets.token_hex(4)
        self._database = database
        self._wakers: set[Waker] = set()
        self._unsent: dict[int | None, Wake] = {}
        self._is_sending = False

    def add(self, waker: Waker) -> None:
        """Call `waker` at every ring."""
        self._wakers.add(waker)

    def remove(self, waker: Waker) -> None:
        """The reverse of `add`."""
        self._wakers.discard(waker)

    def ring(self, wake: Wake) -> None:
        """Wake now. What rings while a NOTIFY is on its way is sent together with the next one."""
        for waker in self._wakers:
            waker(wake)
        self._unsent[wake.lane] = _merge(self._unsent.get(wake.lane), wake)
        if not self._is_sending:
            self._is_sending = True
            self._database.run_in_background(self._send())

    async def _send(self) -> None:
        try:
            while self._unsent:
                # No arguments, so no plan; nothing written, so Postgres does not wait for the disk.
                notify = "; ".join(
                    f"NOTIFY {CHANNEL}, '{render_wake(wake, self.origin)}'" for wake in self._unsent.values()
                )
                self._unsent.clear()
                await self._database.execute(notify)
        except (DatabaseUnavailableError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("wake-up not sent, polling will do: %s", type(error).__name__)
        finally:
            self._is_sending = False


def render_wake(wake: Wake, origin: str) -> str:
    """As the payload of a NOTIFY. `origin` names the sender, who has heard it already."""
    lane = "" if wake.lane is None else str(wake.lane)
    due_at = "" if wake.due_at is None else wake.due_at.isoformat()
    return f"{origin} {lane} {due_at}"


def parse_wake(payload: str) -> tuple[str, Wake]:
    """The sender and the signal; a payload nobody understands wakes everybody."""
    try:
        origin, lane, due_at = payload.split(" ")
        instant = datetime.fromisoformat(due_at).astimezone(UTC) if due_at else None
        return origin, Wake(int(lane) if lane else None, instant)
    except ValueError:
        return "", Wake()


def _merge(first: Wake | None, second: Wake) -> Wake:
    """One signal that stands for two of the same lane."""
    if first is None:
        return second
    if first.due_at is None or second.due_at is None:
        return Wake(second.lane)
    return Wake(second.lane, min(first.due_at, second.due_at))
