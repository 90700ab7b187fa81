"""Patterns of paths and authors: what each matches, and which match nothing."""

import pytest

from bot.assignment.patterns import first_match, matches_author, why_useless


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.sql", ["a.sql", "db/x/a.sql", "db/.sql"], ["a.SQL", "a.sql/b"]),
        ("billing/**", ["billing/a.py", "billing/a/b.py"], ["billing", "lib/billing/a.py", "Billing/a.py"]),
        ("billing/", ["billing/a.py", "lib/billing/a/b.py"], ["billing"]),
        ("/billing/", ["billing/a/b.py"], ["lib/billing/a.py"]),
        ("billing/api", ["billing/api", "billing/api/a.py"], ["billing/apis", "x/billing/api"]),
        ("docs/*", ["docs/a.md"], ["docs/a/b.md", "x/docs/a.md"]),
        ("**/logs", ["logs", "a/logs", "a/logs/b"], ["logs.txt"]),
        ("/*", ["Makefile", ".env"], ["a/Makefile"]),
        ("Makefile", ["Makefile", "a/Makefile"], ["makefile"]),
        ("**", ["a", "a/b", ".github/workflows/x.yml"], []),
        ("*", ["a", "a/b", ".x"], []),
        ("src/*/test_?.py", ["src/a/test_1.py"], ["src/a/b/test_1.py", "src/a/test_10.py"]),
        ("*.{ts,tsx}", ["a.ts", "b/c.tsx"], ["a.js"]),
        ("src/[ab]/**", ["src/a/x", "src/b/x/y"], ["src/c/x"]),
        ("app/\\[id\\]/page.tsx", ["app/[id]/page.tsx"], ["app/i/page.tsx"]),
        ("a b/ü*", ["a b/über"], ["a b/uber"]),
    ],
)
def test_a_path_pattern_means(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if first_match([pattern], [path]) is None] == []
    assert [path for path in no if first_match([pattern], [path]) is not None] == []
    assert why_useless(pattern) is None


def test_the_first_pattern_that_matches_any_path_is_named() -> None:
    assert first_match(["*.sql", "billing/**"], ["billing/a.py", "b/c.txt"]) == "billing/**"
    assert first_match(["*.sql"], []) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("/", "is empty"),
        ("!docs/**", "exclusions are not understood"),
        ("a//b", "can match no path"),
        ("./a", "can match no path"),
        ("a/../b", "can match no path"),
        ("{1..1000}", "more than 100 patterns"),
        ("{a,b}{c,d}{e,f}{g,h}{i,j}{k,l}{m,n}{o,p}", "more than 100 patterns"),
    ],
)
def test_a_pattern_that_cannot_work_says_why(pattern: str, why: str) -> None:
    assert why in (why_useless(pattern) or "")


@pytest.mark.parametrize(
    ("pattern", "login", "expected"),
    [
        ("*[bot]", "dependabot[bot]", True),
        ("*[bot]", "bob", False),
        ("Renovate*", "renovate-acme", True),
        ("an?", "ana", True),
        ("an?", "anna", False),
        ("ana", "ana2", False),
    ],
)
def test_an_author_pattern_means_what_it_shows(pattern: str, login: str, expected: bool) -> None:
    assert matches_author(pattern, login) is expected
