"""LISTEN over a connection that is opened again when it is lost."""

import asyncio
from collections.abc import Callable

from jobq.connections import Connection, DedicatedConnection
from jobq.db import Database
from jobq.errors import TRANSIENT_ERRORS
from jobq.waiting import wait_for_event

PROBE_EVERY = 30.0
"""Seconds between questions that show whether a silent connection still works."""
ANSWER_WITHIN = 4.0

OnNotify = Callable[[str | None], object]
"""Takes the payload of a NOTIFY, or None for "some may have been missed". It must not block."""


async def listen(database: Database, channel: str, on_notify: OnNotify, retry_after: float = 1.0) -> None:
    """Call `on_notify` with the payload of each NOTIFY on `channel`, until cancelled.

    After each new connection `on_notify` is called with None, because notifications that were sent before it
    are lost. A lost connection is opened again at once, then after `retry_after` seconds, then less often.
    """
    connection = DedicatedConnection(lambda: database.connect(database.direct_dsn))
    subscription = _Subscription(channel, on_notify)
    part = f"listen on {channel}"
    try:
        while True:
            subscription.is_lost.clear()
            try:
                await connection.run(subscription.keep, ANSWER_WITHIN)
                pause = PROBE_EVERY
                database.outage.succeed(part)
            except TRANSIENT_ERRORS as error:
                pause = database.outage.fail(part, error, retry_after)
            await wait_for_event(subscription.is_lost, pause)
    finally:
        database.outage.leave(part)
        await connection.close()


class _Subscription:
    def __init__(self, channel: str, on_notify: OnNotify) -> None:
        self.is_lost = asyncio.Event()
        self._channel = channel
        self._on_notify = on_notify
        self._connection: Connection = None

    async def keep(self, connection: Connection) -> None:
        """LISTEN on a new connection, or check that the known one still answers."""
        if connection is self._connection:
            await connection.execute("SELECT 1")
            return
        connection.add_termination_listener(lambda _: self.is_lost.set())
        await connection.add_listener(self._channel, self._pass_on)
        self._connection = connection
        self._on_notify(None)

    def _pass_on(self, _connection: Connection, _pid: int, _channel: str, payload: str) -> None:
        self._on_notify(payload)
