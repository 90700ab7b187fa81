"""The pictures in docs/ show the tables and errors of today, and every error is one that somebody catches."""

import ast
from collections.abc import Iterator
from pathlib import Path

import bot
import jobq
from tests.docs.pictures import FILE, list_errors, render_pictures

ROOT = Path(bot.__file__).parent.parent
ERRORS = [*list_errors(jobq), *list_errors(bot)]
SIGNALS = {"Discard", "Postpone"}
"""A handler returns or raises them to say how its job goes on."""


async def test_the_pictures_are_up_to_date(dsn: str) -> None:
    assert FILE.read_text() == await render_pictures(dsn), "run `make docs`"


def test_every_error_is_called_an_error() -> None:
    names = {error.__name__ for error in ERRORS}
    assert {name for name in names if not name.endswith("Error")} == SIGNALS


def test_every_error_is_caught_by_name_somewhere() -> None:
    """Bases of other errors only group them, so they need no handler of their own."""
    leaves = {error.__name__ for error in ERRORS if not error.__subclasses__()}
    assert leaves - caught_names() == set()


def caught_names() -> set[str]:
    return {name for path in list_sources() for name in _names_in_handlers(ast.parse(path.read_text()))}


def list_sources() -> list[Path]:
    return [path for package in ("bot", "jobq") for path in (ROOT / package).rglob("*.py")]


def _names_in_handlers(tree: ast.Module) -> Iterator[str]:
    """Names after `except`, in tuples of errors that an `except` names, and in isinstance()."""
    for node in ast.walk(tree):
        match node:
            case ast.ExceptHandler(type=ast.expr() as caught):
                yield from _names(caught)
            case ast.Call(func=ast.Name(id="isinstance" | "suppress" | "errorhandler"), args=arguments):
                yield from (name for argument in arguments for name in _names(argument))
            case ast.Call(func=ast.Attribute(attr="errorhandler" | "register_error_handler"), args=arguments):
                yield from (name for argument in arguments for name in _names(argument))
            case ast.Assign(value=ast.Tuple() as value) | ast.AnnAssign(value=ast.Tuple() as value):
                yield from _names(value)


def _names(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
