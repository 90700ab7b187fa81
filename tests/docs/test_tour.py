"""Every function that docs/tour.md names is defined in the file beside it, and pages name real files."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.test_pictures import ROOT

NAMED = re.compile(r"((?:`\w+`(?:,|\s+and)?\s+)+)\(`([\w/]+\.py)`\)")
FILES = re.compile(r"`((?:bot|jobq|tests|migrations|bench)/[\w/.]+\.(?:py|sql|md))`")
PAGES = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "jobq" / "README.md"]


def named_functions() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "tour.md").read_text()
    return [(name, file) for names, file in NAMED.findall(text) for name in re.findall(r"`(\w+)`", names)]


def defined_in(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def test_the_tour_names_the_functions_on_the_way() -> None:
    assert len(named_functions()) > 35


@pytest.mark.parametrize(("name", "file"), named_functions())
def test_a_function_of_the_tour_exists(name: str, file: str) -> None:
    assert name in defined_in(ROOT / file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    named = FILES.findall(page.read_text())
    assert [
        name for name in named if "NAME" not in name and "NNNN" not in name and not (ROOT / name).exists()
    ] == []
