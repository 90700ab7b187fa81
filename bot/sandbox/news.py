"""A live feed of the events in the sandbox. It keeps the newest, and any number of browsers may follow it."""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Literal

from bot.model import Value

MOST_KEPT = 300
"""Items. Older ones are gone."""
LASTS = 10.0
"""Seconds of one answer. Then it ends, and the browser asks for what comes after the last item it saw.

It must end by itself, since the server drops a browser that sends nothing for 15 seconds.
"""
COMES_BACK_AFTER = 200
"""Milliseconds that the browser waits before it asks again."""

Kind = Literal["webhook", "github", "slack", "person", "job", "clock"]


class Item(Value):
    """One thing that happened. `until` is when it goes on, such as the next run of a postponed job."""

    number: int
    at: datetime
    kind: Kind
    text: str
    outcome: str = ""
    is_ok: bool = True
    until: datetime | None = None


class News:
    """`now` is the sandbox's clock. Items count up from 1, and the name of the process is in their ids."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._items: deque[Item] = deque(maxlen=MOST_KEPT)
        self._count = 0
        self._name = uuid.uuid4().hex[:8]
        self._more = asyncio.Event()
        self._is_over = False

    def add(
        self, kind: Kind, text: str, outcome: str = "", *, is_ok: bool = True, until: datetime | None = None
    ) -> None:
        """Add an item and send it to everybody who follows."""
        self._count += 1
        self._items.append(
            Item(
                number=self._count,
                at=self._now(),
                kind=kind,
                text=text,
                outcome=outcome,
                is_ok=is_ok,
                until=until,
            )
        )
        self._wake()

    def close(self) -> None:
        """End every open answer, so that none delays the end of the process."""
        self._is_over = True
        self._wake()

    async def follow(self, last_id: str, lasts: float = LASTS) -> AsyncIterator[bytes]:
        """Server-sent events after the item with `last_id`, as they happen. Without an id: all items.

        https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        yield f"retry: {COMES_BACK_AFTER}\n\n".encode()
        seen = self._number(last_id)
        ends_at = asyncio.get_running_loop().time() + lasts
        while True:
            more = self._more
            for item in [item for item in self._items if item.number > seen]:
                seen = item.number
                yield f"id: {self._name}-{seen}\ndata: {item.model_dump_json()}\n\n".encode()
            if self._is_over or not await _happens_before(more, ends_at):
                return

    def _wake(self) -> None:
        more, self._more = self._more, asyncio.Event()
        more.set()

    def _number(self, last_id: str) -> int:
        """The number of the item with this id; 0 if it is of another process."""
        name, _, number = last_id.partition("-")
        return int(number) if name == self._name and number.isdecimal() else 0


async def _happens_before(event: asyncio.Event, instant: float) -> bool:
    """Whether the event is set before this instant of the loop's clock."""
    try:
        async with asyncio.timeout_at(instant):
            await event.wait()
    except TimeoutError:
        return False
    return True
