"""Promises and the figures that prove them: what a test measured ends in one table after the run.

The figures travel with pytest's own reports, so that the processes of xdist can send them, too.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

PROPERTY = "promise"
TEST = "promised by"
OUTCOMES = ("passed", "failed", "error")

Promise: TypeAlias = Callable[[str, str, str], None]
"""Takes the number of a promise, the size of its test, and the figure that was measured."""


class Row(NamedTuple):
    """One line of the table."""

    number: str
    size: str
    verdict: str
    figure: str


@pytest.fixture
def promise(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Promise:
    """Reports what was measured: `promise("Q1", "200 kills in 5,000 jobs", "5,000 done, 12 extra runs")`.

    Call it before the asserts, so that the figure of a broken promise is seen as well; it is kept if its
    test passes. Only full sizes, those marked `torture`, come into the table.
    """
    is_full_size = request.node.get_closest_marker("torture") is not None
    if is_full_size:
        record_property(TEST, request.node.name)

    def report(number: str, size: str, figure: str) -> None:
        if is_full_size:
            record_property(PROPERTY, [number, size, figure])

    return report


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Print the table, if there was anything of full size."""
    reports = [
        report
        for outcome in OUTCOMES
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)  # a module that cannot be imported has another one
    ]
    rows = sorted((row for report in reports for row in _list_rows(report)), key=_place)
    if rows:
        terminalreporter.section("promises")
        for line in render(rows):
            terminalreporter.write_line(line)


def render(rows: list[Row]) -> list[str]:
    """The table, its columns as wide as they have to be."""
    number, size = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{row.number:<{number}} | {row.size:<{size}} | {row.verdict} | {row.figure}" for row in rows]


def _list_rows(report: pytest.TestReport) -> Iterator[Row]:
    told = [figure for name, figure in report.user_properties if name == PROPERTY]
    tests = [str(test) for name, test in report.user_properties if name == TEST]
    verdict = "pass" if report.passed else "FAIL"
    if report.when == "call" and told:
        yield from (Row(number, size, verdict, figure) for number, size, figure in map(_three, told))
    elif report.failed and tests:
        yield Row("?", tests[0], verdict, f"failed at its {report.when}")


def _three(told: object) -> tuple[str, str, str]:
    number, size, figure = told if isinstance(told, list) else ("?", "?", str(told))
    return number, size, figure


def _place(row: Row) -> tuple[str, int]:
    letter = row.number.rstrip("0123456789")
    return letter, int(row.number.removeprefix(letter) or 0)
