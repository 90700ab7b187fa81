"""A measured figure, and whether it meets its goal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    measure: str
    goal: str
    figure: str
    is_met: bool


@dataclass
class Rounds:
    """The same measure of several subjects, interleaved: what disturbs one round disturbs them all."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, subject: str, value: float) -> None:
        """One round of one subject."""
        self.values.setdefault(subject, []).append(value)

    def median(self, subject: str) -> float:
        """Of all its rounds."""
        return median(self.values[subject])

    def ratio(self, subject: str, other: str) -> float:
        """How many times the other's value: the median of the rounds' ratios."""
        pairs = zip(self.values[subject], self.values[other], strict=True)
        return median(first / second for first, second in pairs)

    def worst(self, subject: str, other: str) -> float:
        """The smallest of the rounds' ratios."""
        pairs = zip(self.values[subject], self.values[other], strict=True)
        return min(first / second for first, second in pairs)


def at_least(measure: str, ratio: float, goal: float, text: str) -> Figure:
    """A ratio that should be large."""
    return Figure(measure, f">= {goal:g} x", f"{ratio:.2f} x {text}", ratio >= goal)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
