"""The memory of all request bodies that arrive or are in work, shared out so that strangers cannot use it up.

A signature covers the whole body, so nobody is known before a body has arrived. Therefore:

- All bodies together hold at most IN_FLIGHT bytes. Beyond that, the oldest that still arrives is refused.
- A body of more than SMALL bytes needs one of a few places, which it keeps until it has been parsed.
- The newest body that waits for a place comes first, and a body in a place that arrives more slowly than a
  delivery of GitHub can is refused when others wait. So a signed delivery passes drips and floods.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

BODY_SECONDS = 9.0
"""From the head of a request to the end of its body. GitHub gives up on a delivery after ten seconds."""
IN_FLIGHT = 64 * 1024 * 1024
SMALL = 256 * 1024
PLACES = 2
SLOWEST = 2.5 * 1024 * 1024
"""Bytes per second in a place: with fewer, 25 MiB do not arrive before GitHub gives up."""
LOOK_EVERY = 0.2
"""Seconds between two looks at the bodies in places, while others wait."""

_current: ContextVar["tuple[BodyMemory, Body] | None"] = ContextVar("body_of_this_request", default=None)


@dataclass(eq=False)
class Body:
    """A body that arrives, or whose request is in work. `refusal` is the status that ends it."""

    ends_at: float
    refusal: int | None = None
    is_complete: bool = False
    held: int = 0
    held_at_last_look: int | None = None
    _timer: asyncio.Timeout | None = field(default=None, init=False)

    @asynccontextmanager
    async def arriving(self) -> AsyncIterator[None]:
        """Wait for more of it in this block, which ends early with a `refusal` set if it is refused."""
        try:
            async with asyncio.timeout_at(self.ends_at) as self._timer:
                yield
        except TimeoutError:
            self.refusal = self.refusal or 408
        finally:
            self._timer = None

    def refuse(self, status: int) -> None:
        self.refusal = status
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(asyncio.get_running_loop().time())

    @property
    def is_slow(self) -> bool:
        """Whether less of it has arrived since the last look than GitHub would have sent."""
        if self.is_complete or self.held_at_last_look is None:
            return False
        return self.held - self.held_at_last_look < SLOWEST * LOOK_EVERY


class _Waiting(NamedTuple):
    body: Body
    turn: asyncio.Future[None]


class BodyMemory:
    """The bodies that one server holds in memory."""

    def __init__(self, in_flight: int = IN_FLIGHT) -> None:
        self._in_flight = in_flight
        self._bodies: dict[Body, None] = {}  # oldest first
        self._held = 0
        self._placed: set[Body] = set()
        self._waiting: list[_Waiting] = []
        self._look: asyncio.TimerHandle | None = None
        self._was_late = False

    @contextmanager
    def entered(self, body: Body) -> Iterator[None]:
        """Count what `body` holds from now to the end of the block, in which `release_body` knows it."""
        self._bodies[body] = None
        token = _current.set((self, body))
        try:
            yield
        finally:
            _current.reset(token)
            self.release(body)
            del self._bodies[body]

    async def take(self, body: Body, size: int) -> None:
        """Count `size` more bytes of `body`, and wait for a place if it has become a big one."""
        body.held += size
        self._held += size
        self._refuse_oldest()
        if body.held > SMALL and body not in self._placed and body.refusal is None:
            await self._wait_for_place(body)

    def release(self, body: Body) -> None:
        """Stop counting what `body` holds, and give its place to the newest that waits."""
        self._held -= body.held
        body.held = 0
        self._placed.discard(body)
        while self._waiting and len(self._placed) < PLACES:
            waiting = self._waiting.pop()
            if not waiting.turn.done():
                self._place(waiting.body)
                waiting.turn.set_result(None)

    def _refuse_oldest(self) -> None:
        excess = self._held - self._in_flight
        for body in self._bodies:
            if excess <= 0:
                return
            if body.refusal is not None:
                excess -= body.held  # its request is about to end
            elif not body.is_complete and body not in self._placed:
                body.refuse(503)
                excess -= body.held

    async def _wait_for_place(self, body: Body) -> None:
        if len(self._placed) < PLACES:
            self._place(body)
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(_Waiting(body, turn))
        self._look_later(loop)
        try:
            await turn
        finally:
            turn.cancel()

    def _place(self, body: Body) -> None:
        self._placed.add(body)
        body.held_at_last_look = None

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._look is None:
            self._look = loop.call_later(LOOK_EVERY, self._refuse_slow, loop, loop.time() + LOOK_EVERY)

    def _refuse_slow(self, loop: asyncio.AbstractEventLoop, due_at: float) -> None:
        self._look = None
        self._waiting = [waiting for waiting in self._waiting if not waiting.turn.done()]
        if not self._waiting:
            return
        # If the loop is late, the next parts may have come and were not read yet. That excuses one look.
        self._was_late = loop.time() - due_at > LOOK_EVERY / 2 and not self._was_late
        if not self._was_late:
            for body in tuple(self._placed):
                self._refuse_if_slow(body)
        self._look_later(loop)

    def _refuse_if_slow(self, body: Body) -> None:
        if body.is_slow:
            body.refuse(408)
            self.release(body)
        else:
            body.held_at_last_look = body.held


def release_body() -> None:
    """Stop counting the body of this request, once the handler has dropped it."""
    current = _current.get()
    if current is not None:
        memory, body = current
        memory.release(body)
