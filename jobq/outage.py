"""Logs once that Postgres is away and once that it is back, and spaces out the tries in between."""

import logging
import random
import time

log = logging.getLogger(__name__)

LONGEST_PAUSE = 6
"""The pause between two tries grows to this many times the first one."""


class Outage:
    """The absence of Postgres, as the loops of one process see it. All of them share one Outage.

    Each loop has a name, such as "claim", and reports every failure and every success.
    """

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._began_at = 0.0

    def fail(self, part: str, error: BaseException, pause: float) -> float:
        """Note a failure. Returns the seconds to wait: `pause` after the first, then longer and longer."""
        if not self._failures:
            self._began_at = time.monotonic()
            log.warning("Postgres does not answer (%s), trying again: %s", part, error)
        else:
            log.debug("Postgres still does not answer (%s): %s", part, error)
        failures = self._failures[part] = self._failures.get(part, 0) + 1
        # At random, so that not all processes return at once.
        growth = min(1 << min(failures - 1, 10), LONGEST_PAUSE)
        return pause * growth * random.uniform(0.8, 1)  # noqa: S311 - not a secret

    def succeed(self, part: str) -> None:
        """Note that Postgres answered. The outage is over when every part that failed has had an answer."""
        if self._failures.pop(part, None) and not self._failures:
            log.warning("Postgres answers again, after %.0f s", time.monotonic() - self._began_at)

    def leave(self, part: str) -> None:
        """Forget a part that asks no more."""
        self._failures.pop(part, None)
