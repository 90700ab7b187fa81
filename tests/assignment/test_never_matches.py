"""Patterns that can match nothing are refused, each on its line and with the pattern that was meant."""

import unicodedata
from typing import Literal

import pytest

from bot.assignment.never_matches import why_no_author, why_no_path
from bot.assignment.patterns import first_match
from tests.assignment.test_config import problems, repository

FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")


@pytest.mark.parametrize(
    ("pattern", "meant", "path"),
    [
        ("app/[userId]/page.tsx", r"app/\[userId\]/page.tsx", "app/[userId]/page.tsx"),
        ("app/[id]/**", r"app/\[id\]/**", "app/[id]/a.ts"),
        ("pages/[slug].tsx", r"pages/\[slug\].tsx", "pages/[slug].tsx"),
        ("app/[...all]/**", r"app/\[...all\]/**", "app/[...all]/x"),
        ("app/[[...all]]/**", r"app/\[\[...all\]\]/**", "app/[[...all]]/x"),
        ("app/[post-id]/x", r"app/\[post-id\]/x", "app/[post-id]/x"),
        ("src\\billing\\**", "src/billing/**", "src/billing/a.py"),
        ("docs\\*.md", "docs/*.md", "docs/a.md"),
        ("docs\\", "docs/", "docs/a.md"),
        ("./billing/**", "billing/**", "billing/a.py"),
        ("billing/** ", "billing/**", "billing/a.py"),
        ("\N{NO-BREAK SPACE}billing/**", "billing/**", "billing/a.py"),
        ("bill\N{ZERO WIDTH SPACE}ing/**", "billing/**", "billing/a.py"),
        ("docs/[", r"docs/\[", "docs/["),
        ("*.{ts,tsx", "*.{ts,tsx}", "a.tsx"),
        ("src/[z-a]/**", "src/[a-z]/**", "src/b/x"),
    ],
)
def test_a_path_pattern_that_cannot_match_names_the_one_that_was_meant(
    pattern: str, meant: str, path: str
) -> None:
    why = why_no_path(pattern)
    assert why is not None
    assert why.endswith(f"did you mean '{meant}'?")
    assert why_no_path(meant) is None
    assert first_match([meant], [path]) == meant
    (problem,) = problems(repository(f"rules:\n- paths:\n  - '{pattern}'\n  people: [ana]"))
    assert problem.startswith("line 5: repositories.acme/api.rules[0].paths[0]: ")
    assert problem.endswith(f"did you mean '{meant}'?")


@pytest.mark.parametrize(
    "pattern",
    [
        "src/[ab]/**", "[a-c]/x", "[Rr]eadme.md", "[rR]/x", "*.[hc]", "app/\\[id\\]/page.tsx", "/billing/",
        "[!a]/x", "[0-9]/x", "a b/ü*", "src/[[:alpha:]]/x", "docs/[]a]/x", "*.{ts,tsx}", "v[0-9].[0-9]/**",
        "a/\\{x", "**", "[a-zA-Z0-9_-]/x",
    ],
)  # fmt: skip
def test_a_pattern_that_can_match_is_left_alone(pattern: str) -> None:
    assert why_no_path(pattern) is None


def test_composed_and_decomposed_letters_are_the_same() -> None:
    composed, decomposed = (unicodedata.normalize(form, "b\u00fccher") for form in FORMS)
    assert first_match([f"{composed}/**"], [f"{decomposed}/a.py"]) == f"{composed}/**"
    assert first_match([f"{decomposed}/**"], [f"{composed}/a.py"]) == f"{decomposed}/**"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "rules:\n- paths: ['**']\n  people: [ana]\n  at_least: 2",
            "line 6: repositories.acme/api.rules[0].at_least: is 2, but the rule names 1 person; name more,"
            " or did you mean 1?",
        ),
        (
            "rules:\n- paths: ['**']\n  people: [ana, ANA, ben]\n  at_least: 3",
            "line 6: repositories.acme/api.rules[0].at_least: is 3, but the rule names 2 people; name more,"
            " or did you mean 2?",
        ),
        (
            "ignore:\n  authors: ['@renovate']",
            "line 4: repositories.acme/api.ignore.authors[0]: can match no login; did you mean 'renovate'?",
        ),
        (
            "ignore:\n  labels: ['wip ']",
            "line 4: repositories.acme/api.ignore.labels[0]: starts or ends with a space, as no label does;"
            " did you mean 'wip'?",
        ),
    ],
)
def test_other_demands_that_nothing_can_meet(lines: str, problem: str) -> None:
    assert problems(repository(lines)) == [problem]


def test_an_app_is_named_by_its_login() -> None:
    assert why_no_author("app/dependabot") == "can match no login; did you mean 'dependabot[bot]'?"
    assert why_no_author("*[bot]") is None
