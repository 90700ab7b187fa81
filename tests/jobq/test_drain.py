"""`drain` runs the ripe jobs of a queue inside a test."""

from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import pytest

from jobq import ClaimedJob, Discard, Job, JobQueueError, Outcome, Postpone, Queue
from jobq.testing import drain
from tests.jobq.working import NOON, Recorder, load_only_row


@pytest.fixture
def queue(noon_queue: Queue) -> Queue:
    return noon_queue


async def test_drain_runs_the_ripe_jobs_in_order_and_returns_their_settlements(
    queue: Queue, note: Recorder
) -> None:
    await queue.save(Job(job_type="note", arguments={"n": 2}, lane=1))
    await queue.save(Job(job_type="note", arguments={"n": 1}).runs_at(NOON - timedelta(hours=1)))
    await queue.save(Job(job_type="note", arguments={"n": 3}).runs_in(minutes=1))

    outcomes = [settlement.outcome for settlement in await drain(queue, {"note": note})]

    assert note.ran == [1, 2]
    assert outcomes == [Outcome.DONE, Outcome.DONE]


async def test_drain_settles_a_failed_job_and_raises_the_error_of_its_handler(queue: Queue) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise KeyError("missing")

    await queue.save(Job(job_type="fail"))
    with pytest.raises(KeyError):
        await drain(queue, {"fail": fail})

    row = await load_only_row(queue.database)
    assert (row["tries"], row["ripe_at"], row["leased_until"]) == (1, NOON + timedelta(minutes=5), None)


async def test_drain_raises_an_error_for_a_job_without_a_handler(queue: Queue) -> None:
    await queue.save(Job(job_type="of the future"))
    with pytest.raises(JobQueueError, match="of the future"):
        await drain(queue, {})


async def test_drain_does_not_raise_a_postponement_or_a_discard(queue: Queue) -> None:
    async def later(job: ClaimedJob) -> None:
        raise Postpone(NOON + timedelta(hours=1))

    async def gone(job: ClaimedJob) -> Discard:
        return Discard("the pull request is closed")

    await queue.save_all([Job(job_type="later"), Job(job_type="gone")])
    drained = await drain(queue, {"later": later, "gone": gone})
    settlements = {settlement.job.job_type: settlement for settlement in drained}

    assert settlements["later"].ripe_at == NOON + timedelta(hours=1)
    assert settlements["gone"].reason == "the pull request is closed"


async def test_drain_gives_up_on_jobs_that_queue_each_other_for_ever(queue: Queue) -> None:
    async def again(job: ClaimedJob) -> None:
        await queue.save(Job(job_type="again", arguments={"n": job.arguments["n"] + 1}))

    await queue.save(Job(job_type="again", arguments={"n": 0}))
    with pytest.raises(RuntimeError, match="1000 jobs"):
        await drain(queue, {"again": again})


async def test_drain_works_in_a_test_that_is_rolled_back(queue: Queue) -> None:
    db = queue.database

    async def chain(job: ClaimedJob) -> None:
        async with db.transaction():
            if job.arguments["n"] < 3:
                await queue.save(Job(job_type="chain", arguments={"n": job.arguments["n"] + 1}))

    async with db.rolled_back():
        await queue.save(Job(job_type="chain", arguments={"n": 1}))
        assert len(await drain(queue, {"chain": chain})) == 3
        await queue.save(Job(job_type="chain", arguments={"n": 9}))

    assert await db.fetchval("SELECT count(*) FROM job") == 0


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE fruit ADD COLUMN is_ripe boolean", "ALTER TABLE fruit ALTER COLUMN weight TYPE bigint"],
    ids=["a column was added", "a type was changed"],
)
async def test_a_migration_under_a_prepared_statement_costs_no_try(queue: Queue, change: str) -> None:
    db, ran = queue.database, []

    async def weigh(job: ClaimedJob) -> None:
        async with db.transaction():
            ran.append(await db.fetch("SELECT * FROM fruit"))

    await db.execute("CREATE TABLE fruit (name text, weight int)")
    await queue.save(Job(job_type="weigh"))
    await drain(queue, {"weigh": weigh})
    async with AsyncExitStack() as borrowed:
        # Any connection of the pool may serve the next job, so the statement is prepared on each.
        for _ in range(db._pool.get_max_size()):
            connection = await borrowed.enter_async_context(db.connection())
            await connection.fetch("SELECT * FROM fruit")
    await db.execute(change)
    await queue.save(Job(job_type="weigh"))
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        await drain(queue, {"weigh": weigh})

    row = await load_only_row(db)
    assert (row["tries"], row["ripe_at"]) == (0, NOON + timedelta(seconds=1))
