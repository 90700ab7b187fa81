"""The counter behind every budget: it must see each statement and each function of ours, and nothing else."""

import asyncio

from bot.flows.workspaces import find_first_workspace
from bot.slack.messages import join_words
from jobq import Database, Job, Queue
from tests.counting import counted


async def test_statements_are_counted_on_every_connection_but_not_transactions(db: Database) -> None:
    async with counted(db) as count:
        async with db.transaction():
            await db.execute("SELECT 1")
        await asyncio.gather(*(db.fetchval("SELECT $1::int", number) for number in range(5)))
    assert count.statements == ["SELECT 1", *["SELECT $1::int"] * 5]


async def test_functions_are_counted_once_and_comprehensions_with_their_function(db: Database) -> None:
    async with counted(db) as count:
        assert join_words(["a", "b"]) == join_words(["a", "b"])
        await find_first_workspace()
        await Queue(db).save_all([Job(job_type="a", arguments={})])
    names = [name for file, name in count.functions if not file.startswith("jobq/")]
    assert sorted(names) == ["find_first_workspace", "join_words"]
    assert ("jobq/queue.py", "Queue.save_all") in count.functions


async def test_nothing_is_counted_after_the_block(db: Database) -> None:
    async with counted(db) as count:
        pass
    join_words(["a"])
    await db.execute("SELECT 1")
    await asyncio.sleep(0)
    assert (count.functions, count.statements) == (set(), [])
