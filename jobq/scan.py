"""Where in the order of a lane the next claim starts, and when it is worth its while."""

import time
from datetime import datetime

from jobq.claims import START, Bound, Claim

RESTS = 10
"""After a look everywhere, at least this many times as long as it took until the next one."""


class Scan:
    """A moving lower bound behind the rows already seen.

    Finished rows stay in the index until every older snapshot is gone: to start behind them keeps a claim
    cheap. What appears before the bound (expired leases, late commits, back-dated jobs) is found by a look
    everywhere each `sweep_every` seconds, or at once when a wake-up says where it is. Behind a very old
    snapshot such a look wades through all that was ever finished: then it comes more rarely.
    """

    def __init__(self, sweep_every: float) -> None:
        self._sweep_every = sweep_every
        self._bound = START
        self._asked: Bound | None = None
        self._sweep_at = 0.0
        self._sweep_began_at: float | None = None
        self._look_at = 0.0
        self.is_behind = False
        """The last claim was full, so there is more to do than can be done at once."""

    def ask(self, due_at: datetime | None) -> None:
        """Look soon, from `due_at` on (None: everywhere)."""
        place = START if due_at is None else (due_at, 0)
        self._asked = place if self._asked is None else min(self._asked, place)

    def seconds_to_wait(self) -> float:
        """How long until a claim may find something; 0 is now."""
        return 0.0 if self._asked is not None else max(0.0, self._look_at - time.monotonic())

    def begin(self) -> Bound:
        """The place after which to claim now."""
        asked, self._asked = self._asked, None
        if asked == START or time.monotonic() >= self._sweep_at:
            self._sweep_began_at = time.monotonic()
            self._sweep_at = self._sweep_began_at + self._sweep_every
            return START
        self._sweep_began_at = None
        return self._bound if asked is None else min(asked, self._bound)

    def end(self, found: Claim, limit: int, now: datetime) -> None:
        """Learn from what the claim found, of `limit` at most, when the application's clock said `now`."""
        if self._sweep_began_at is not None:
            took = time.monotonic() - self._sweep_began_at
            self._sweep_at = max(self._sweep_at, time.monotonic() + RESTS * took)
        self.is_behind = len(found.jobs) == limit
        if self.is_behind:
            self._bound = _place(found)
            self._look_at = 0.0
            return
        if found.jobs:
            self._bound = max(self._bound, _place(found))
        self._look_at = self._sweep_at
        if found.next_due_at is not None:
            ripens_in = (found.next_due_at - now).total_seconds()
            self._look_at = min(self._look_at, time.monotonic() + ripens_in)


def _place(found: Claim) -> Bound:
    last = found.jobs[-1]
    return last.due_at, last.id
