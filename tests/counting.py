"""Counts the cost of a piece of work: our functions that ran, and the statements that Postgres received.

A test with a budget counts the second run, so that nothing is imported or prepared meanwhile:

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
from typing import Any

from jobq import Database

ROOT = Path(__file__).resolve().parent.parent
_OURS = tuple(f"{ROOT / package}/" for package in ("bot", "jobq"))
_SANDBOX = f"{ROOT / 'bot' / 'sandbox'}/"
"""The sandbox plays GitHub and Slack in the test's own process, so its functions are not counted."""
_EXPRESSIONS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
_TRANSACTION_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@dataclass
class Count:
    """The functions and the SQL that ran inside one block."""

    functions: set[tuple[str, str]] = field(default_factory=set)
    """Distinct (file, qualified name) under bot/ and jobq/. A comprehension counts as its function."""
    statements: list[str] = field(default_factory=list)
    """SQL in the order in which it was sent, without BEGIN, COMMIT and the like."""

    def describe(self) -> str:
        """Lists everything that was counted, to see where to save."""
        functions = [f"  {file} {name}" for file, name in sorted(self.functions)]
        statements = [f"  {' '.join(sql.split())[:100]}" for sql in self.statements]
        return "\n".join(
            [f"{len(functions)} functions:", *functions, f"{len(statements)} statements:", *statements]
        )


@asynccontextmanager
async def counted(db: Database) -> AsyncIterator[Count]:
    """Counts everything that runs in this thread and on the pool of `db` until the block ends."""
    count = Count()

    def note_statement(query: Any) -> None:
        if not query.query.lstrip().upper().startswith(_TRANSACTION_WORDS):
            count.statements.append(query.query)

    def note_call(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            _note_function(frame, count)

    connections = await _open_whole_pool(db)
    for connection in connections:
        connection.add_query_logger(note_statement)
    before = sys.getprofile()
    sys.setprofile(note_call)
    try:
        yield count
    finally:
        sys.setprofile(before)
        # asyncpg calls its loggers in the next round of the event loop.
        await asyncio.sleep(0)
        for connection in connections:
            connection.remove_query_logger(note_statement)


async def _open_whole_pool(db: Database) -> list[Any]:
    """Every connection that the pool may ever hold: a later one would have no logger."""
    async with AsyncExitStack() as borrowed:
        size = db._pool.get_max_size()
        loans = [await borrowed.enter_async_context(db.connection()) for _ in range(size)]
        # The loans end here, but their connections stay.
        return [loan._con for loan in loans]


def _note_function(frame: FrameType, count: Count) -> None:
    code = frame.f_code
    if code.co_filename.startswith(_OURS) and not code.co_filename.startswith(_SANDBOX):
        name = code.co_qualname
        while name.endswith(_EXPRESSIONS):
            name = name.rpartition(".<locals>.")[0]
        count.functions.add((str(Path(code.co_filename).relative_to(ROOT)), name))
