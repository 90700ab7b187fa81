"""The intervals of a worker. The defaults are what production uses; only tests are in more of a hurry."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Timing:
    """All but the lease in seconds."""

    lease: timedelta = timedelta(seconds=30)
    """On Postgres's clock. A job whose worker died is ripe again after this."""
    beat_every: float = 10.0
    beat_within: float = 4.0
    trust: float = 20.0
    """A lease not confirmed for so long is given up, before Postgres may give it to somebody else."""
    sweep_every: float = 3.0
    """How often a worker looks everywhere, not only behind what it has seen."""
    retry_after: float = 0.5
    """Pause after a failed statement."""


async def wait_for_event(event: asyncio.Event, seconds: float | None) -> None:
    """Until `event` is set, for `seconds` at most (None: for ever)."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
