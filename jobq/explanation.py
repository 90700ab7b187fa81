"""The part of a job's log line beside its outcome: until when it waits, and why. Pure."""

from jobq.settlement import Outcome, Settlement

MOST_SHOWN = 300
"""Characters of a reason."""


def explain(settlement: Settlement) -> str:
    """The end of the line, such as `, until 2026-11-23 10:00:00Z: paused`. Empty for a job that is done."""
    until = settlement.ripe_at if settlement.outcome is Outcome.POSTPONED else None
    again = f", until {until:%Y-%m-%d %H:%M:%S}Z" if until else ""
    reason = " ".join((settlement.reason or "").split())
    return f"{again}: {reason[:MOST_SHOWN]}" if reason else again
