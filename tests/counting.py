"""Counts what a piece of work costs: the functions of ours that ran, and the statements that Postgres got.

A test that holds a path to a budget counts like this, on its second run, so that nothing is imported or
prepared meanwhile:

    async with counted(db) as count:
        await client.post("/slack/events", ...)
    assert len(count.functions) <= 25, count.describe()
    assert len(count.statements) <= 6, count.describe()
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from jobq import Database

ROOT = Path(__file__).resolve().parent.parent
_OURS = tuple(f"{ROOT / package}/" for package in ("bot", "jobq"))
_WORLD = f"{ROOT / 'bot' / 'sandbox'}/"
"""The sandbox plays GitHub and Slack in the test's own process, and is no part of what is counted."""
_EXPRESSIONS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
_TRANSACTION_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
MOST_CONNECTIONS = 10
"""As many as a Database's pool has unless it is told otherwise."""


@dataclass
class Count:
    """What ran inside of one block."""

    functions: set[tuple[str, str]] = field(default_factory=set)
    """Distinct (file, qualified name) under bot/ and jobq/. A comprehension belongs to its function."""
    statements: list[str] = field(default_factory=list)
    """SQL in the order it was sent, without BEGIN, COMMIT and the like."""

    def describe(self) -> str:
        """All of it, to see what to cut."""
        functions = [f"{name} {file}" for file, name in sorted(self.functions)]
        statements = [" ".join(sql.split())[:100] for sql in self.statements]
        return "\n".join(
            [f"{len(functions)} functions:", *functions, f"{len(statements)} statements:", *statements]
        )


@asynccontextmanager
async def counted(db: Database) -> AsyncIterator[Count]:
    """Counts everything that runs in this thread and on the pool of `db` until the block ends."""
    count = Count()

    def note_statement(query: object) -> None:
        sql: str = query.query  # type: ignore[attr-defined]  # asyncpg publishes no types
        if not sql.lstrip().upper().startswith(_TRANSACTION_WORDS):
            count.statements.append(sql)

    def note_call(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            _note_function(frame, count)

    async with AsyncExitStack() as borrowed:
        # All at once, lest one is opened later, without a logger.
        connections = [await borrowed.enter_async_context(db.connection()) for _ in range(MOST_CONNECTIONS)]
        loggers = [(connection._con, note_statement) for connection in connections]
    for connection, logger in loggers:
        connection.add_query_logger(logger)
    before = sys.getprofile()
    sys.setprofile(note_call)
    try:
        yield count
    finally:
        sys.setprofile(before)
        # asyncpg calls its loggers in the next round of the loop.
        await asyncio.sleep(0)
        for connection, logger in loggers:
            connection.remove_query_logger(logger)


def _note_function(frame: FrameType, count: Count) -> None:
    code = frame.f_code
    if code.co_filename.startswith(_OURS) and not code.co_filename.startswith(_WORLD):
        name = code.co_qualname
        while name.endswith(_EXPRESSIONS):
            name = name.rpartition(".<locals>.")[0]
        count.functions.add((str(Path(code.co_filename).relative_to(ROOT)), name))
