"""Prose reads aloud: docstrings, comments, pages and names are checked for the usual riddles."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
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
VAGUE_NAMES = {"one", "words", "found", "known", "told"}


@pytest.mark.parametrize("path", [*PYTHON, *SQL, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_plain(path: Path) -> None:
    prose = [] if path in NOT_PROSE else list(_prose_of(path))
    assert [line for text in prose for line in find_riddles(text)] == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_they_hold(path: Path) -> None:
    assert sorted(VAGUE_NAMES & set(_bound_names(ast.parse(path.read_text())))) == []


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
            yield from _docstrings(ast.parse(text))
            yield from _comments(text)
            yield from _names_of_tests(ast.parse(text))


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
