"""Prose reads aloud: docstrings, comments, pages and names are checked for the usual riddles."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.test_pictures import ROOT

PYTHON = [path for folder in ("bot", "jobq", "tests", "bench") for path in (ROOT / folder).rglob("*.py")]
SQL = [path for folder in ("bot", "jobq") for path in (ROOT / folder).rglob("*.sql")]
PAGES = [ROOT / "README.md", ROOT / "jobq" / "README.md", *(ROOT / "docs").glob("*.md")]
NOT_PROSE = {ROOT / "tests" / "docs" / "test_plain_english.py"}

SENTENCE = re.compile(r"[^.!?;:]+[.!?;:]|[^.!?;:]+$")
FREE_RELATIVE = re.compile(r"(Whoever|Whom|Whose|What|Whatever|Who|Where that is)\b")
RIDDLES = re.compile(r"\b(whoever|also|be told)\b|, too(?=[.,;:]|$)", re.IGNORECASE)
HINT = re.compile(r"who|what|that|also|told|,\s+too", re.IGNORECASE)
"""In every riddle: a text without any of these needs no splitting into sentences."""
VAGUE_NAMES = {"one", "words", "found", "known", "told"}


def test_prose_is_plain() -> None:
    riddles = {
        str(path.relative_to(ROOT)): lines
        for path in (*PYTHON, *SQL, *PAGES)
        if path not in NOT_PROSE
        and (lines := [line for text in _prose_of(path) for line in find_riddles(text)])
    }
    assert riddles == {}


def test_names_say_what_they_hold() -> None:
    vague = {
        str(path.relative_to(ROOT)): names
        for path in PYTHON
        if (names := sorted(VAGUE_NAMES & set(_bound_names(_parse(path)))))
    }
    assert vague == {}


@pytest.mark.parametrize(
    "text",
    ["Whoever asks gets it.", "It stops. What is kept, stays.", "They are kept, too.", "It can also wait."],
)
def test_a_riddle_is_noticed(text: str) -> None:
    assert find_riddles(text) != []


@pytest.mark.parametrize("text", ["What is a lease?", "A worker claims a job.", "Two too many."])
def test_a_plain_sentence_passes(text: str) -> None:
    assert find_riddles(text) == []


def find_riddles(text: str) -> list[str]:
    if not HINT.search(text):
        return []
    sentences = [sentence.strip() for sentence in SENTENCE.findall(" ".join(text.split()))]
    return [
        sentence
        for sentence in sentences
        if RIDDLES.search(sentence) or (FREE_RELATIVE.match(sentence) and not sentence.endswith("?"))
    ]


def _prose_of(path: Path) -> Iterator[str]:
    text = path.read_text()
    match path.suffix:
        case ".md":
            yield from re.sub(r"```.*?```", "", text, flags=re.DOTALL).split("\n\n")
        case ".sql":
            yield from re.findall(r"--(.*)", text)
        case _:
            yield from _docstrings(_parse(path))
            yield from _comments(text)
            yield from _names_of_tests(_parse(path))


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _docstrings(tree: ast.Module) -> Iterator[str]:
    """Every string that stands alone: docstrings, and the notes under constants and fields."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value


def _comments(text: str) -> Iterator[str]:
    """Neighbouring comment lines are one text."""
    lines: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1 and lines:
                yield " ".join(lines)
                lines = []
            lines.append(token.string.lstrip("# "))
            last = token.start[0]
    if lines:
        yield " ".join(lines)


def _names_of_tests(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name.replace("_", " ")


def _bound_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
