"""Draws the tables and the exception trees as Mermaid; `make docs` writes them to docs/pictures.md."""

import asyncio
import importlib
import pkgutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import asyncpg

import bot
import jobq
from bot.local.embedded import embedded_postgres
from bot.migrations import migrate

FILE = Path(bot.__file__).parent.parent / "docs" / "pictures.md"
INTRODUCTION = """\
# Pictures

Made by `make docs` from the migrations and the code; a test fails when they are out of date.

## The tables

A line joins a table with the table that its rows belong to. Every row except those of the whole bot (`job`,
`setting`, ...) leads with `workspace_id`, so lines to `workspace` are left out.
`tests/test_tables.py` lists the room that writes each table.
"""
ERRORS = """\
## The errors

An arrow leads from an error to its base class. Each of them is caught by name somewhere. `UserError` carries
a text for the person who asked. `Postpone` and `Discard` are no failures: they say how a job goes on.
"""
_COLUMNS = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'schema_migration' ORDER BY table_name, ordinal_position
"""
_BELONGS_TO = """
    SELECT DISTINCT child.relname AS child, parent.relname AS parent
    FROM pg_constraint
    JOIN pg_class AS child ON child.oid = conrelid
    JOIN pg_class AS parent ON parent.oid = confrelid
    WHERE contype = 'f' AND parent.relname <> 'workspace' ORDER BY child, parent
"""
_SHORT_TYPES = {
    "bigint": "bigint",
    "timestamp with time zone": "timestamptz",
    "character varying": "text",
    "time without time zone": "time",
    "USER-DEFINED": "enum",
    "ARRAY": "array",
    "double precision": "float",
}


async def render_pictures(dsn: str) -> str:
    """The whole file. `dsn` is a migrated database."""
    connection = await asyncpg.connect(dsn)
    try:
        columns = await connection.fetch(_COLUMNS)
        arrows = await connection.fetch(_BELONGS_TO)
    finally:
        await connection.close()
    tables: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in columns:
        kind = _SHORT_TYPES.get(row["data_type"], row["data_type"].replace(" ", "_"))
        tables[row["table_name"]].append((kind, row["column_name"]))
    return "\n".join(
        [
            INTRODUCTION,
            *_render_tables(tables, [(row["child"], row["parent"]) for row in arrows]),
            "",
            ERRORS,
            *_render_errors(jobq),
            "",
            *_render_errors(bot),
            "",
        ]
    )


def list_errors(package: ModuleType) -> list[type[BaseException]]:
    """Every exception class that a package defines, by name. The sandbox's are its own affair."""
    errors = {
        value
        for module in _import_all(package)
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__ == module.__name__
    }
    return sorted(errors, key=lambda error: (error.__name__, error.__module__))


def _import_all(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.startswith(("bot.sandbox", "bot.__main__")):
            yield importlib.import_module(module.name)


def _render_tables(
    tables: Mapping[str, Sequence[tuple[str, str]]], arrows: Sequence[tuple[str, str]]
) -> list[str]:
    lines = ["```mermaid", "erDiagram"]
    for table, columns in tables.items():
        lines += [f"  {table} {{", *(f"    {kind} {name}" for kind, name in columns), "  }"]
    return [*lines, *(f"  {parent} ||--o{{ {child} : has" for child, parent in arrows), "```"]


def _render_errors(package: ModuleType) -> list[str]:
    errors = list_errors(package)
    lines = [
        f"  {base.__name__} <|-- {error.__name__}"
        for error in errors
        for base in error.__bases__
        if base is not object
    ]
    return ["```mermaid", "classDiagram", "  direction LR", *lines, "```"]


def main() -> None:
    """Writes docs/pictures.md."""
    with (
        tempfile.TemporaryDirectory(prefix="ripe-docs-") as home,
        embedded_postgres(Path(home) / "pg", {}) as server,
    ):
        asyncio.run(migrate(server.dsn()))
        FILE.write_text(asyncio.run(render_pictures(server.dsn())))


if __name__ == "__main__":
    main()
