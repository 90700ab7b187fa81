"""Findings, one for each check, and the verdict over all of them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from bot.model import Value


class State(StrEnum):
    """SKIPPED: another check has to be right first, or this one does not concern this bot."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(Value):
    """How one thing stands. `check` is its stable name; `fix` is what to do, empty if there is nothing."""

    check: str
    state: State
    detail: str
    fix: str = ""


class CheckSkippedError(Exception):
    """A check cannot say anything now. Its text says why."""


def ok(check: str, detail: str) -> Finding:
    """All is as it should be."""
    return Finding(check=check, state=State.OK, detail=detail)


def warning(check: str, detail: str, fix: str) -> Finding:
    """Ripe works, but not as well as it could."""
    return Finding(check=check, state=State.WARNING, detail=detail, fix=fix)


def failed(check: str, detail: str, fix: str) -> Finding:
    """Something does not work, or soon will not."""
    return Finding(check=check, state=State.FAILED, detail=detail, fix=fix)


def skipped(check: str, detail: str) -> Finding:
    """This was not examined; `detail` says why."""
    return Finding(check=check, state=State.SKIPPED, detail=detail)


def overall(findings: Iterable[Finding]) -> State:
    """The worst state of the findings. Skipped ones do not count."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.FAILED, State.WARNING) if state in states), State.OK)


MOST_NAMED = 10


def name_some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"
