"""What happens in the sandbox, as it happens: a short memory that any number of people may follow."""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Literal

from bot.model import Value

MOST_KEPT = 300
"""Items. Whoever was away for longer has missed the older ones."""
LASTS = 10.0
"""Seconds of one answer, which then ends in good order, and the browser asks again where it left off.

The server drops whoever has been silent for 15 seconds, and a browser that only listens is silent.
"""
COMES_BACK_AFTER = 200
"""Milliseconds, as told to the browser."""

Kind = Literal["webhook", "github", "slack", "person", "job", "clock"]


class Item(Value):
    """One thing that happened. `until`: when it goes on, such as a job that was postponed."""

    number: int
    at: datetime
    kind: Kind
    text: str
    outcome: str = ""
    is_ok: bool = True
    until: datetime | None = None


class News:
    """`now` is the sandbox's clock. Items count up from 1; another process counts anew under another name."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._items: deque[Item] = deque(maxlen=MOST_KEPT)
        self._count = 0
        self._name = uuid.uuid4().hex[:8]
        self._more = asyncio.Event()
        self._is_over = False

    def tell(
        self, kind: Kind, text: str, outcome: str = "", *, is_ok: bool = True, until: datetime | None = None
    ) -> None:
        """Adds an item and wakes whoever follows."""
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
        """Ends every answer that is being given, so that nobody waits for the end of the process."""
        self._is_over = True
        self._wake()

    async def follow(self, last_id: str, lasts: float = LASTS) -> AsyncIterator[bytes]:
        """Server-sent events after the one with `last_id` ("": all that is kept), as they happen.

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
        """The number of the item with this id; 0 if another process gave it."""
        name, _, number = last_id.partition("-")
        return int(number) if name == self._name and number.isdecimal() else 0


async def _happens_before(event: asyncio.Event, instant: float) -> bool:
    """Whether it does, by the loop's clock."""
    try:
        async with asyncio.timeout_at(instant):
            await event.wait()
    except TimeoutError:
        return False
    return True
