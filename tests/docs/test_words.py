"""docs/words.md is the list of our words, and no name in the code uses a second word for one of them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.test_pictures import ROOT, list_sources

PAGE = ROOT / "docs" / "words.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", re.MULTILINE)


class Row(NamedTuple):
    """One word, its meaning, and the words that must not replace it, each with its package ("": both)."""

    word: str
    meaning: str
    banned: tuple[tuple[str, str], ...]


def read_page() -> list[Row]:
    rows = []
    for word, meaning, banned in ROW.findall(PAGE.read_text()):
        if word not in ("Word", "---"):
            rows.append(Row(word, meaning, tuple(_read_banned(banned))))
    return rows


def _read_banned(cell: str) -> Iterator[tuple[str, str]]:
    for entry in filter(None, (part.strip() for part in cell.split(","))):
        name, _, package = entry.partition(" (")
        yield name, package.removesuffix(")")


WORDS = read_page()


def test_each_word_is_listed_once_with_its_meaning() -> None:
    listed = [row.word for row in WORDS]
    assert len(listed) > 50
    assert sorted(set(listed)) == sorted(listed)
    assert [row.word for row in WORDS if not row.meaning.endswith(".") or len(row.meaning) < 20] == []


@pytest.mark.parametrize("row", [row for row in WORDS if row.banned], ids=lambda row: row.word)
def test_nothing_has_a_second_name(row: Row) -> None:
    uses = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in list_sources()
        for name in sorted(_names(path))
        for banned, package in row.banned
        if _is_in(package, path) and f"_{banned}_" in f"_{_snake(name)}_"
    ]
    assert uses == [], f"docs/words.md says {row.word!r}"


def _is_in(package: str, path: Path) -> bool:
    # The sandbox plays GitHub and Slack: its names are theirs.
    return path.relative_to(ROOT).parts[:2] != ("bot", "sandbox") and package in (
        "",
        path.relative_to(ROOT).parts[0],
    )


@cache
def _names(path: Path) -> frozenset[str]:
    """Every name that a module defines or binds, and its own."""
    names = {path.stem}
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                names.add(name)
    return frozenset(names)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
