"""What an examination finds, and what that comes to."""

from collections.abc import Iterable
from enum import StrEnum

from bot.model import Value


class State(StrEnum):
    """SKIPPED: something else has to be right first, or it does not concern this installation."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(Value):
    """How one thing stands. `check` is its stable name; `fix` is what to do, empty where there is nothing."""

    check: str
    state: State
    detail: str
    fix: str = ""


class Skipped(Exception):
    """Raised by a check that cannot say anything now. Its text says why."""


def ok(check: str, detail: str) -> Finding:
    """As it should be."""
    return Finding(check=check, state=State.OK, detail=detail)


def warning(check: str, detail: str, fix: str) -> Finding:
    """Ripe works, but not as well as it could."""
    return Finding(check=check, state=State.WARNING, detail=detail, fix=fix)


def failed(check: str, detail: str, fix: str) -> Finding:
    """Something does not work, or soon will not."""
    return Finding(check=check, state=State.FAILED, detail=detail, fix=fix)


def skipped(check: str, detail: str) -> Finding:
    """Not looked at."""
    return Finding(check=check, state=State.SKIPPED, detail=detail)


def overall(findings: Iterable[Finding]) -> State:
    """The worst of them; what was skipped does not count."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.FAILED, State.WARNING) if state in states), State.OK)
