"""Waiting with a limit."""

import asyncio
from contextlib import suppress
from typing import Any


async def wait_without_cancelling(work: asyncio.Future[Any], within: float) -> bool:
    """Wait up to `within` seconds for a task or future. Returns whether it is done; if not, it goes on.

    Use it for work that asks Postgres. `asyncio.wait_for` cancels late work and waits for it to end, and a
    cancelled statement ends only when the server answers: if Postgres is frozen, `wait_for` hangs.
    """
    await asyncio.wait({work}, timeout=within)
    return work.done()


async def wait_for_event(event: asyncio.Event, within: float) -> None:
    """Wait until `event` is set, for `within` seconds at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
