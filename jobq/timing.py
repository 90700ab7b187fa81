"""The intervals of a worker."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Timing:
    """The intervals, in seconds unless noted. Production uses the defaults; tests use shorter ones."""

    lease: timedelta = timedelta(seconds=30)
    """By Postgres's clock. The job of a worker that died is ripe again after this."""
    heartbeat_every: float = 10.0
    heartbeat_within: float = 4.0
    """How long a heartbeat may take before its connection is replaced."""
    trust_lease_for: float = 20.0
    """A worker gives up a lease that was not confirmed for this long. Keep it well below `lease`."""
    sweep_every: float = 3.0
    """How often a worker looks through its lane from the start, to find jobs that no wake-up announced."""
    retry_after: float = 0.5
    """The pause after a statement that failed."""
    deadline: timedelta = timedelta(minutes=5)
    """How long a try may take, unless its handler has a deadline of its own."""
