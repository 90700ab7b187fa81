"""Hears the NOTIFY of other processes."""

import asyncio
import logging
from typing import Any

from jobq.connections import Connection, Line
from jobq.errors import TRANSIENT_ERRORS
from jobq.timing import Timing, wait_for_event
from jobq.wake import CHANNEL, Wake, Waker, parse_wake

log = logging.getLogger(__name__)

PROBE_EVERY = 30.0
"""Seconds. A connection that died without a word is noticed by asking."""
ANSWER_WITHIN = 4.0


class Listener:
    """A connection that LISTENs, made again whenever it is lost."""

    def __init__(self, line: Line, origin: str, waker: Waker, timing: Timing) -> None:
        self._line = line
        self._origin = origin
        self._waker = waker
        self._timing = timing
        self._heard_on: Connection = None
        self._attention = asyncio.Event()
        self._is_stopping = False

    async def run(self) -> None:
        """Listen until stopped."""
        while not self._is_stopping:
            self._attention.clear()
            try:
                await self._line.run(self._listen, ANSWER_WITHIN)
                pause = PROBE_EVERY
            except TRANSIENT_ERRORS as error:
                log.warning("not listening, polling only: %s", error)
                pause = self._timing.retry_after
            if not self._is_stopping:
                await wait_for_event(self._attention, pause)
        await self._line.close()

    def stop(self) -> None:
        """End `run`."""
        self._is_stopping = True
        self._attention.set()

    async def _listen(self, connection: Connection) -> None:
        if connection is self._heard_on:
            await connection.execute("SELECT 1")
            return
        connection.add_termination_listener(lambda _: self._attention.set())
        await connection.add_listener(CHANNEL, self._hear)
        self._heard_on = connection
        self._waker(Wake())  # whatever was said while nobody listened

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        origin, wake = parse_wake(payload)
        if origin != self._origin:
            self._waker(wake)
