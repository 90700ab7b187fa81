"""The table of promises that ends a run."""

import pytest

from tests.promises import PROPERTY, TEST, Row, list_rows


def report(*properties: tuple[str, object], outcome: str = "passed", when: str = "call") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="tests/test_x.py::test_x",
        location=("tests/test_x.py", 1, "test_x"),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when=when,  # type: ignore[arg-type]
        user_properties=list(properties),
    )


def test_rows_are_sorted_by_letter_then_number() -> None:
    figures = [(PROPERTY, [number, "full", "fine"]) for number in ("Q10", "A1", "Q2")]
    assert [row.number for row in list_rows([report(*figures)])] == ["A1", "Q2", "Q10"]


def test_a_test_that_failed_before_it_measured_is_listed_by_name() -> None:
    failed = report((TEST, "test_x"), outcome="failed", when="setup")
    assert list_rows([failed]) == [Row("?", "test_x", "FAIL", "failed at its setup")]


def test_a_file_that_cannot_be_collected_does_not_end_the_table() -> None:
    broken = pytest.CollectReport("tests/test_broken.py", "failed", "SyntaxError", None)
    measured = report((PROPERTY, ["Q1", "full", "fine"]))
    assert list_rows([broken, measured]) == [Row("Q1", "full", "pass", "fine")]
