"""Path patterns mean what wcmatch says, on thousands of random cases; no path makes them slow."""

import random
import time
from collections.abc import Callable

import pytest
from bracex import iexpand
from wcmatch import glob

from bot.assignment.config import RepositoryConfig
from bot.assignment.globs import Glob, Paths
from bot.assignment.matching import match_rules
from bot.assignment.patterns import first_match, matches_author
from tests.promises import Promise

AS_BEFORE = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX | glob.CASE
PATTERNS = 4_000
PATHS_OF_EACH = 5
CASES = PATTERNS * PATHS_OF_EACH
GENEROUS = 10.0
"""Seconds, for what used to take minutes or years."""

PIECES: dict[str, list[str]] = {
    "a": ["a"], "b": ["b"], ".": ["."], "-": ["-"], "!": ["!"], "^": ["^"], "]": ["]"], "[": ["["],
    "/": ["/"], "*": ["", "a", "ab", "b.a"], "?": ["a", "b", "."], "**": ["a", "a/b", "b/a/a"],
    "/**/": ["/", "/a/", "/b/a/"], "[ab]": ["a", "b"], "[!a]": ["b", "."], "[a-b]": ["b"], "[^-b]": ["a"],
    "[]a]": ["]"], "[[:alpha:]]": ["b"], "[b-a]": ["b"], r"\[": ["["], r"\*": ["*"], r"\a": ["a"],
    "{a,b}": ["a", "b"], "{a/b,c}": ["a/b", "c"], "{1..3}": ["2"], "{,a}": ["", "a"],
}  # fmt: skip
"""Pieces of patterns, each with texts that it matches."""


def random_path(pieces: list[str], chance: random.Random) -> str:
    """A path that the pattern of these pieces often matches, or nearly so."""
    texts = [chance.choice(PIECES[piece]) for piece in pieces]
    if chance.random() < 0.4:
        texts[chance.randrange(len(texts))] = chance.choice("ab/.")
    segments = [segment for segment in "".join(texts).split("/") if segment not in ("", ".", "..")]
    return "/".join(segments) or "a"


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_a_pattern_matches_what_wcmatch_says() -> None:
    chance = random.Random(14)  # noqa: S311 - not a secret
    matched, wrong = 0, []
    for _ in range(PATTERNS):
        pieces = chance.choices([*PIECES], k=chance.randint(1, 7))
        pattern = "".join(pieces)
        globs = [Glob(each) for each in iexpand(pattern, keep_escapes=True, return_empty=True)]
        expected = glob.compile(pattern, flags=AS_BEFORE)
        for path in {random_path(pieces, chance) for _ in range(PATHS_OF_EACH)}:
            is_match = any(each.matches_any(Paths([path])) for each in globs)
            matched += is_match
            if is_match != expected.match(path):
                wrong.append((pattern, path))
    assert wrong == []
    assert CASES / 5 < matched < CASES * 4 / 5


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/src/**/*.py", "src/" * 1_000 + "x.pz"),
        ("**/src/**/test/**/*.py", "src/" * 500 + "test/" * 500 + "x.pz"),
        ("**/a/**/a/**/a/**/a/**/b/*.py", "a/" * 2_000 + "x.py"),
        ("**/*a*a*a*a*b", "a" * 4_000),
        ("*[ab]*[ab]*[ab]*[ab]*c.py", "ab" * 2_000 + ".py"),
        ("**/a*/**/a*/**/a*/**/b?/**", "aa/" * 1_300 + "x"),
    ],
)
def test_a_hostile_path_costs_no_more_than_its_length(pattern: str, path: str) -> None:
    assert seconds(lambda: first_match([pattern], [path] * 20)) < GENEROUS


def test_a_hostile_login_costs_no_more_than_its_length() -> None:
    pattern = "*-*-*-*-*-*-*-*[bot]"
    assert seconds(lambda: matches_author(pattern, "a-" * 500)) < GENEROUS
    assert matches_author("a*-*b?[BOT]", "Ana-ben-bo[bot]")
    assert not matches_author("*a*a", "a")


def hostile_rules(rules: int) -> RepositoryConfig:
    """Rules for folders that every hostile path has, in the wrong order."""
    patterns = [f"**/{first}/**/{last}/**/*.py" for first in "abcdefgh" for last in "mnopqrst"][:rules]
    return RepositoryConfig.model_validate(
        {"rules": [{"paths": [pattern], "people": ["ana"]} for pattern in patterns]}
    )


def hostile_paths(count: int) -> tuple[str, ...]:
    folders = "/".join("mnopqrstabcdefgh") + "/x" * 120
    return tuple(f"{folders}/{number:05}.py" for number in range(count))


def check_cost(paths: int, rules: int, promise: Promise) -> None:
    config, hostile = hostile_rules(rules), hostile_paths(paths)
    matching = match_rules(config, hostile)
    took = seconds(lambda: match_rules(config, hostile))
    promise("Q14", f"{paths:,} hostile paths of {len(hostile[0])} x {rules} rules", f"{took * 1000:.0f} ms")
    assert (matching.paths, matching.rules) == (paths, ())
    assert took < GENEROUS


def test_many_hostile_paths_are_cheap(promise: Promise) -> None:
    check_cost(300, 10, promise)


@pytest.mark.torture
def test_3000_hostile_paths_are_cheap(promise: Promise) -> None:
    check_cost(3_000, 50, promise)


def seconds(work: Callable[[], object]) -> float:
    """The processor time that this takes: other processes do not count."""
    began = time.process_time()
    work()
    return time.process_time() - began
