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

    def next_wait(self, call: str, asked_for: timedelta | None = None) -> timedelta:
        """Notes that this call failed; returns how long to wait before it is made again.

        The service may have asked for a wait. After more than one failure in a row it is only the shortest
        wait: a service that always asks for a second must not be called every second.
        """
        failures = max(self._failures.get(call, 0), self._failures_in_a_row)
        if len(self._failures) >= MOST_CALLS_REMEMBERED:
            self._failures.clear()
        self._failures[call] = self._failures_in_a_row = min(failures + 1, 10)
        if asked_for is not None and failures == 0:
            return asked_for
        doubled = min(SHORTEST_WAIT * (1 << failures), LONGEST_BACK_OFF / JITTER)
        wait = doubled * random.uniform(1, JITTER)  # noqa: S311 - not a secret
        return wait if asked_for is None else max(wait, asked_for)

    def succeed(self, call: str) -> None:
        """Notes that this call was answered."""
        self._failures.pop(call, None)
        self._failures_in_a_row = 0
