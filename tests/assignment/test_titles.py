"""Patterns of titles mean what `re` says, on thousands of random cases, and no title makes them slow."""

import random
import re
import time

import pytest

from bot.assignment.config import RepositoryConfig
from bot.assignment.never_matches import why_no_title
from bot.assignment.titles import MOST_REMEMBERED, is_in_title, why_not_linear
from tests.assignment.test_config import problems, repository
from tests.promises import Promise

CASES = 4_000
GENEROUS = 10.0
"""Seconds, for what `re` needs years for."""
ATOMS = [
    "a",
    "b",
    "A",
    r"\w",
    r"\d",
    r"\s",
    r"\W",
    ".",
    "[ab]",
    "[^a]",
    "[a-c_]",
    "-",
    " ",
    "é",
    "\N{LATIN SMALL LETTER LONG S}",
    "K",
]
PLACES = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]
REPEATS = ["*", "+", "?", "*?", "+?", "{2}", "{0,2}", "{1,3}?", "{,1}"]
LETTERS = "aabbAB 1_-é\N{LATIN SMALL LETTER LONG S}\nKk\N{KELVIN SIGN}"


def random_pattern(chance: random.Random, depth: int) -> str:
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return chance.choice(ATOMS)
    inner = random_pattern(chance, depth - 1)
    if kind < 0.4:
        return chance.choice(PLACES)
    if kind < 0.6:
        return inner + random_pattern(chance, depth - 1)
    if kind < 0.75:
        return f"(?:{inner}|{random_pattern(chance, depth - 1)})"
    if kind < 0.8:
        return f"({chance.choice(['', '?i:', '?-i:', '?s:', '?m:', '?P<name>'])}{chance.choice(ATOMS)})"
    return f"(?:{inner}){chance.choice(REPEATS)}"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_pattern_matches_what_python_says() -> None:
    chance = random.Random(14)  # noqa: S311 - not a secret
    matched, wrong = 0, []
    for _ in range(CASES):
        pattern = random_pattern(chance, 4)
        title = "".join(chance.choices(LETTERS, k=chance.randint(0, 9)))
        try:
            expected = re.search(pattern, title, re.IGNORECASE) is not None
        except re.error:  # a name of a group twice
            continue
        matched += expected
        if why_not_linear(pattern) is not None or is_in_title(pattern, title) != expected:
            wrong.append((pattern, title))
    assert wrong == []
    assert matched > CASES / 4


@pytest.mark.parametrize(
    ("pattern", "title"),
    [
        (r"^(\w+[ -]?)+: wip$", "a" * 29),
        (r"^(\w+[ -]?)+: wip$", "a" * 1_000),
        ("(a|a)*$", "a" * 60 + "!"),
        ("(.*)*x", "y" * 1_000),
        (r"(?:(?:\w+)+\s*)+:", "word " * 200),
        ("(?:a|ab|b)*c", "ab" * 500),
        (r"(?:\w{1,20}[ -]?){1,11}:x", "a" * 1_000),
    ],
)
def test_a_hostile_title_costs_no_more_than_its_length(pattern: str, title: str) -> None:
    began = time.process_time()
    assert is_in_title(pattern, title) is (pattern == "(a|a)*$")
    assert time.process_time() - began < GENEROUS


def test_what_a_pattern_remembers_is_bounded() -> None:
    chance = random.Random(14)  # noqa: S311 - not a secret
    for _ in range(3 * MOST_REMEMBERED // 256):
        assert not is_in_title(
            r"(?:\w+ ?)+#$", "".join(map(chr, chance.choices(range(0x4E00, 0x9FFF), k=256)))
        )
    assert is_in_title(r"(?:\w+ ?)+#$", "still right #")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=wip)", "looks ahead or behind"),
        ("(?<!not )wip", "looks ahead or behind"),
        (r"(a+)\1", "refers back to a group"),
        ("(?>a+)b", "has an atomic group"),
        ("a++b", "has a possessive repeat"),
        ("(?:a{99}){99}", "is too large: written out, it has more than 500 steps"),
    ],
)
def test_a_pattern_that_some_title_could_make_slow_is_refused_in_a_file(pattern: str, why: str) -> None:
    assert why_no_title(pattern) == f"{why}; some titles would take it hours, so write it without"
    (problem,) = problems(repository(f"ignore:\n  titles:\n  - '{pattern}'"))
    assert problem.startswith(f"line 5: repositories.acme/api.ignore.titles[0]: {why}")


def test_a_stored_pattern_of_that_kind_still_works_and_costs_little() -> None:
    RepositoryConfig.model_validate({"ignore": {"titles": ["(?<!not )wip"]}})
    assert is_in_title("(?<!not )wip", "A WIP")
    assert not is_in_title("(?<!not )wip", "Not wip")
    began = time.process_time()
    is_in_title(r"(?=^(\w+[ -]?)+: wip$)", "a" * 1_000)
    assert time.process_time() - began < GENEROUS


@pytest.mark.torture
def test_50_hostile_titles_are_cheap(promise: Promise) -> None:
    patterns = [rf"^(\w+[ -]?)+: wip{number}$" for number in range(50)]
    is_in_title(patterns[0], "a" * 256)
    began = time.process_time()
    matching = [pattern for pattern in patterns if is_in_title(pattern, "a" * 256)]
    took = time.process_time() - began
    promise("Q14", "a hostile title x 50 patterns", f"{took * 1000:.0f} ms, patterns compiled anew")
    assert matching == []
    assert took < GENEROUS
