"""Promises and the figures that prove them: after the run, one table lists what each test measured.

The figures travel with pytest's own reports, so the processes of xdist send them as well.
"""

from collections.abc import Callable, Iterable, Iterator
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
    """Report what was measured: `promise("Q1", "200 kills in 5,000 jobs", "5,000 done, 12 extra runs")`.

    Call it before the asserts: then the table shows the figure of a broken promise as well, marked FAIL.
    Only full sizes, those marked `torture`, come into the table.
    """
    is_full_size = request.node.get_closest_marker("torture") is not None
    if is_full_size:
        record_property(TEST, request.node.name)

    def report(number: str, size: str, figure: str) -> None:
        if is_full_size:
            record_property(PROPERTY, [number, size, figure])

    return report


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Print the table if any test of full size ran."""
    reports = [report for outcome in OUTCOMES for report in terminalreporter.stats.get(outcome, [])]
    rows = list_rows(reports)
    if rows:
        terminalreporter.section("promises")
        for line in render(rows):
            terminalreporter.write_line(line)


def list_rows(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[Row]:
    """The rows of the table in order. A file that could not be collected promises nothing and has no row."""
    tests = [report for report in reports if isinstance(report, pytest.TestReport)]
    return sorted((row for report in tests for row in _rows_of(report)), key=_place)


def render(rows: list[Row]) -> list[str]:
    """The lines of the table, in aligned columns."""
    number, size = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{row.number:<{number}} | {row.size:<{size}} | {row.verdict} | {row.figure}" for row in rows]


def _rows_of(report: pytest.TestReport) -> Iterator[Row]:
    figures = [figure for name, figure in report.user_properties if name == PROPERTY]
    tests = [str(test) for name, test in report.user_properties if name == TEST]
    verdict = "pass" if report.passed else "FAIL"
    if report.when == "call" and figures:
        yield from (Row(number, size, verdict, figure) for number, size, figure in map(_unpack, figures))
    elif report.failed and tests:
        yield Row("?", tests[0], verdict, f"failed at its {report.when}")


def _unpack(reported: object) -> tuple[str, str, str]:
    number, size, figure = reported if isinstance(reported, list) else ("?", "?", str(reported))
    return number, size, figure


def _place(row: Row) -> tuple[str, int]:
    letter = row.number.rstrip("0123456789")
    return letter, int(row.number.removeprefix(letter) or 0)
