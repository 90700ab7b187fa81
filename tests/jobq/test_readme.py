"""The examples of jobq/README.md run, one after the other, as a reader would type them."""

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import CodeType
from typing import Any

import jobq
from jobq import Database, Queue, Worker
from tests.jobq.working import pause

README = Path(jobq.__file__).with_name("README.md")
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHIN = 20.0
"""Seconds that one example may take."""


def load_examples() -> list[CodeType]:
    """Each example, compiled so that it may await at its top level and errors name the line of the README."""
    text = README.read_text()
    examples = []
    for match in EXAMPLE.finditer(text):
        lines_before = text.count("\n", 0, match.start(1))
        source = "\n" * lines_before + match.group(1)
        examples.append(compile(source, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
    return examples


async def run_example(example: CodeType, names: dict[str, Any]) -> None:
    result = eval(example, names)  # noqa: S307 - the README is ours
    if inspect.iscoroutine(result):
        await result


async def stop_idle_workers(names: dict[str, Any], queue: Queue) -> None:
    """Stop the workers of an example once they have run its jobs: on their own they run forever."""
    if any(lane.ready or lane.leased for lane in await queue.stats()):
        return
    for worker in [value for value in names.values() if isinstance(value, Worker)]:
        await worker.stop()


async def run_tests(names: dict[str, Any]) -> None:
    """Run and remove the tests that an example defined, as pytest would run them."""
    for name in [name for name in names if name.startswith("test_")]:
        await names.pop(name)()


async def test_the_examples_run(db: Database, dsn: str) -> None:
    await db.execute("CREATE TABLE customer_order (id bigint PRIMARY KEY)")
    examples = load_examples()
    assert len(examples) >= 8
    names: dict[str, Any] = {"__name__": "readme", "dsn": dsn}
    for example in examples:
        names |= {"database": db, "queue": Queue(db)}
        async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as group:
            running = group.create_task(run_example(example, names))
            while not running.done():
                await stop_idle_workers(names, Queue(db))
                await pause(0.01)
        await run_tests(names)
        await db.execute("TRUNCATE job, job_dead")
    assert await db.fetchval("SELECT count(*) FROM customer_order") == 1
