"""A room's SQL uses its own tables only; statements that join several rooms' tables are in bot/flows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot

HOUSE = Path(bot.__file__).parent
TABLES = {
    "github": {"installation", "repository", "delivery"},
    "slack": {"workspace", "slack_delivery", "slack_limit"},
    "reviews": {"pull_request", "review_request", "review", "backlog"},
    "people": {"person", "account", "absence"},
    "assignment": {"repository_config", "assignment"},
    "reminders": {"message"},
}
NOT_YET = {"github", "reviews"}
"""Rooms whose statements still have to move."""
USED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(?:ONLY\s+)?([a-z_]+)")
NAMED_BY_WITH = re.compile(r"(?:\bWITH|,)\s+([a-z_]+)\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(")
STATEMENT = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")


def statements_of(room: str) -> Iterator[str]:
    for path in sorted((HOUSE / room).rglob("*.sql")):
        yield path.read_text()
    for path in sorted((HOUSE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and STATEMENT.search(node.value)
            ):
                yield node.value


def tables_in(statement: str) -> set[str]:
    return {*USED.findall(statement)} - {*NAMED_BY_WITH.findall(statement)} - {"unnest"}


def test_the_tables_of_a_statement_are_found() -> None:
    assert tables_in(
        "WITH ours AS (SELECT FROM a JOIN b ON true), more AS MATERIALIZED (SELECT) DELETE FROM c USING ours"
    ) == {"a", "b", "c"}
    assert tables_in("INSERT INTO e SELECT * FROM unnest($1)") == {"e"}
    assert tables_in("UPDATE f SET x = 1 FROM g") == {"f", "g"}


@pytest.mark.parametrize("room", sorted(TABLES.keys() - NOT_YET))
def test_a_room_uses_its_own_tables_only(room: str) -> None:
    foreign = {
        " ".join(statement.split())[:70]: tables - TABLES[room]
        for statement in statements_of(room)
        if (tables := tables_in(statement)) - TABLES[room]
    }
    assert foreign == {}
