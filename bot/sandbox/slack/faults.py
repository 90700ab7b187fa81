"""Faults that were ordered, and the calls that meet them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.sandbox.slack.model import Fault


class Faults:
    """The faults that wait for their calls. `now` is the application's clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault.model_copy())

    def clear(self) -> None:
        self._waiting.clear()

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets, if any."""
        for fault in list(self._waiting):
            if fault.method in (method, "*") and (met := self._meet(fault)) is not None:
                return met
        return None

    def _meet(self, fault: Fault) -> Fault | None:
        if fault.kind == "ratelimited" and fault.until is not None and self._now() < fault.until:
            return fault
        if fault.times == 0:
            self._waiting.remove(fault)
            return None
        fault.times -= 1
        fault.until = self._now() + timedelta(seconds=fault.retry_after)
        return fault
