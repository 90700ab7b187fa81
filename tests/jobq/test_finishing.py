"""A handler may finish its jobs in the transaction of its work, so that both happen or neither."""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg
import pytest

from jobq import (
    BatchResult,
    ClaimedJob,
    Database,
    InBatches,
    LeaseLostError,
    Outcome,
    Queue,
    Timing,
)
from jobq.testing import drain
from tests.jobq.batches import Batches, Outcomes, all_done, finishing
from tests.jobq.working import (
    QUICK,
    is_empty,
    list_rows,
    numbered,
    working,
)


async def test_the_work_of_a_batch_and_the_end_of_its_jobs_are_one_transaction(
    queue: Queue, db: Database
) -> None:
    await db.execute("CREATE TABLE visit (n int)")

    async def insert(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        numbers = [job.arguments["n"] for job in jobs]
        await db.execute("INSERT INTO visit SELECT unnest($1::int[])", numbers)
        if len(numbers) > 1 and 7 in numbers:
            raise ValueError("the batch is spoilt")
        return await all_done(jobs)

    outcomes = Outcomes()
    await queue.save_all(numbered(20))
    async with working(
        queue, {"note": InBatches(finishing(queue, insert), size=5)}, prefetch=20, on_settled=outcomes
    ):
        assert set((await outcomes.reached(20)).values()) == {Outcome.DONE}
    visits = await db.fetch("SELECT n FROM visit ORDER BY n")
    assert [row["n"] for row in visits] == list(range(20))
    assert await is_empty(queue)


async def test_a_lost_fence_rolls_a_batch_back_and_the_others_run_one_by_one(
    queue: Queue, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = numbered(3)
    await db.execute("CREATE TABLE visit (n int)")

    async def insert(claimed: Sequence[ClaimedJob]) -> list[BatchResult]:
        if len(claimed) > 1:
            async with asyncio.TaskGroup() as group:  # outside of this transaction
                group.create_task(queue.cancel(jobs[1]))
        for job in claimed:
            await db.execute("INSERT INTO visit VALUES ($1)", job.arguments["n"])
        return await all_done(claimed)

    outcomes = Outcomes()
    await queue.save_all(jobs)
    async with working(queue, {"note": InBatches(finishing(queue, insert))}, on_settled=outcomes):
        await outcomes.reached(2)
    assert outcomes.by_number == {0: Outcome.DONE, 2: Outcome.DONE}
    assert [row["n"] for row in await db.fetch("SELECT n FROM visit ORDER BY n")] == [0, 2]
    assert "lease lost: job" in caplog.text


async def test_a_batch_whose_connection_is_cut_after_its_commit_runs_once(queue: Queue, db: Database) -> None:
    batches = Batches(finishing(queue))

    async def lose_the_answer(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        results = await batches(jobs)
        for job in jobs:
            job.is_finished = False  # as if the answer to the COMMIT had not come
        raise asyncpg.ConnectionDoesNotExistError("cut", results)

    outcomes = Outcomes()
    await queue.save_all(numbered(3))
    async with working(queue, {"note": InBatches(lose_the_answer)}, on_settled=outcomes):
        await outcomes.reached(3)
    assert len(batches.ran) == 1
    assert await is_empty(queue)


async def test_heartbeats_between_the_commit_and_the_end_of_a_handler_lose_nothing(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    async def go_on(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        results = await finishing(queue)(jobs)
        await asyncio.sleep(4 * QUICK.heartbeat_every)
        return results

    batches, outcomes = Batches(go_on), Outcomes()
    await queue.save_all(numbered(3))
    brief = Timing(lease=QUICK.lease, heartbeat_every=QUICK.heartbeat_every)
    with caplog.at_level(logging.WARNING):
        async with working(queue, {"note": InBatches(batches)}, brief, on_settled=outcomes):
            assert set((await outcomes.reached(3)).values()) == {Outcome.DONE}
    assert caplog.text == ""


async def test_a_job_that_is_saved_while_its_batch_runs_runs_again(queue: Queue) -> None:
    again = numbered(2)[1]

    async def save_again(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        if len(jobs) == 2:
            await queue.save(again)
        return await all_done(jobs)

    batches = Batches(finishing(queue, save_again))
    await queue.save_all(numbered(2))
    async with working(queue, {"note": InBatches(batches)}, Timing(sweep_every=600)):
        assert (await batches.reached(3))[1:] == [[1]]


async def test_an_error_after_the_commit_of_finished_jobs_is_logged_and_runs_nothing_again(
    queue: Queue, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def finish_and_fail(job: ClaimedJob) -> None:
        await queue.finish([job])
        raise ValueError("too late")

    outcomes = Outcomes()
    await queue.save_all(numbered(1))
    async with working(queue, {"note": finish_and_fail}, on_settled=outcomes):
        assert await outcomes.reached(1) == {0: Outcome.DONE}
    assert await is_empty(queue)
    assert "was finished before its handler ended: ValueError: too late" in caplog.text


async def test_drain_rolls_a_batch_with_a_lost_fence_back(noon_queue: Queue, db: Database) -> None:
    async def lose(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        await db.execute("UPDATE job SET fence = fence + 1 WHERE id = $1", jobs[0].id)
        return await all_done(jobs)

    await noon_queue.save_all(numbered(2))
    with pytest.raises(LeaseLostError):
        await drain(noon_queue, {"note": InBatches(finishing(noon_queue, lose))})
    assert len(await list_rows(db)) == 2
