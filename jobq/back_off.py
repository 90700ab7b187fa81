"""Waits before a call to an outside service that fails for now is made again, for handlers that postpone."""

import random
from datetime import timedelta

SHORTEST_WAIT, LONGEST_BACK_OFF = timedelta(minutes=1), timedelta(minutes=15)
MOST_CALLS_REMEMBERED = 10_000
JITTER = 1.25


class BackOff:
    """Waits that double from 1 to 15 minutes while a call fails, or while all calls do.

    Each is a little longer at random, so that not all calls return at once.
    """

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._failures_in_a_row = 0

    def next_wait(self, call: str) -> timedelta:
        """Notes that this call failed; returns how long to wait before it is made again."""
        failures = max(self._failures.get(call, 0), self._failures_in_a_row)
        if len(self._failures) >= MOST_CALLS_REMEMBERED:
            self._failures.clear()
        self._failures[call] = self._failures_in_a_row = min(failures + 1, 10)
        doubled = min(SHORTEST_WAIT * (1 << failures), LONGEST_BACK_OFF / JITTER)
        return doubled * random.uniform(1, JITTER)  # noqa: S311 - not a secret

    def succeed(self, call: str) -> None:
        """Notes that this call was answered."""
        self._failures.pop(call, None)
        self._failures_in_a_row = 0
