"""Where in a lane the next claim starts, and when it is worth making."""

import time
from datetime import datetime

from jobq.claims import START, ClaimResult, Position

SWEEP_REST_FACTOR = 10
"""After a sweep, wait at least this many times as long as it took before the next one."""


class ClaimCursor:
    """A position in the order of a lane. A claim starts after it, so that it skips jobs already claimed.

    Postgres keeps the index entries of finished jobs as long as any snapshot may see them. A claim from the
    start of the lane would read them all; a claim from the cursor does not. A job can appear before the
    cursor: its lease expired, its save was committed late, or its time was in the past. Such jobs are found
    by a sweep, which is a claim from the start of the lane. There is one every `sweep_every` seconds, or
    more rarely if they take long. A wake-up that names an earlier time makes the next claim start there.
    """

    def __init__(self, sweep_every: float) -> None:
        self._sweep_every = sweep_every
        self._position = START
        self._requested: Position | None = None
        self._next_sweep_at = 0.0
        self._sweep_started_at: float | None = None
        self._next_claim_at = 0.0
        self.has_backlog = False
        """Whether the last claim reached its limit, so that more jobs are probably ripe."""

    def look_from(self, due_at: datetime | None) -> None:
        """Start the next claim at `due_at` or earlier (None: sweep), and make it soon."""
        position = START if due_at is None else (due_at, 0)
        self._requested = position if self._requested is None else min(self._requested, position)

    def seconds_to_wait(self) -> float:
        """How long until a claim may find a job; 0 if it may now."""
        return 0.0 if self._requested is not None else max(0.0, self._next_claim_at - time.monotonic())

    def start_claim(self) -> Position:
        """The position after which to claim now."""
        requested, self._requested = self._requested, None
        if requested == START or time.monotonic() >= self._next_sweep_at:
            self._sweep_started_at = time.monotonic()
            self._next_sweep_at = self._sweep_started_at + self._sweep_every
            return START
        self._sweep_started_at = None
        return self._position if requested is None else min(requested, self._position)

    def finish_claim(self, result: ClaimResult, limit: int, now: datetime) -> None:
        """Move the cursor. `limit` and `now` (the application's clock) are those of the claim."""
        if self._sweep_started_at is not None:
            took = time.monotonic() - self._sweep_started_at
            self._next_sweep_at = max(self._next_sweep_at, time.monotonic() + SWEEP_REST_FACTOR * took)
        self.has_backlog = len(result.jobs) == limit
        if self.has_backlog:
            self._position = _last_position(result)
            self._next_claim_at = 0.0
            return
        if result.jobs:
            self._position = max(self._position, _last_position(result))
        self._next_claim_at = self._next_sweep_at
        if result.next_due_at is not None:
            ripens_in = (result.next_due_at - now).total_seconds()
            self._next_claim_at = min(self._next_claim_at, time.monotonic() + ripens_in)


def _last_position(result: ClaimResult) -> Position:
    last = result.jobs[-1]
    return last.due_at, last.id
