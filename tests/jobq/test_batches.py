"""A batch handler gets many jobs at once, and each of them ends as if it had run alone."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain

import asyncpg
import pytest

from jobq import (
    BatchResult,
    ClaimedJob,
    Database,
    Discard,
    Handler,
    InBatches,
    Job,
    Outcome,
    Postpone,
    Queue,
    RunAlone,
    WithDeadline,
    Worker,
)
from jobq.testing import drain
from tests.jobq.batches import Batches, Decide, Outcomes, all_done
from tests.jobq.working import (
    NOON,
    QUICK,
    Blocker,
    Recorder,
    expire_leases,
    is_empty,
    list_rows,
    numbered,
    until,
    working,
)

HOUR = timedelta(hours=1)


async def test_a_worker_gives_a_handler_as_many_jobs_as_fit(queue: Queue) -> None:
    batches = Batches()
    await queue.save_all(numbered(25))
    async with working(queue, {"note": InBatches(batches, size=10)}, prefetch=100):
        assert [len(numbers) for numbers in await batches.reached(25)] == [10, 10, 5]
    assert sorted(chain(*batches.ran)) == list(range(25))
    assert await is_empty(queue)


async def test_each_job_of_a_batch_ends_by_its_own_result(noon_queue: Queue) -> None:
    results: list[BatchResult] = [None, Postpone(NOON + HOUR), Discard("closed"), ValueError("no"), "odd"]  # type: ignore[list-item]

    async def decide(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        return [results[job.arguments["n"]] for job in jobs]

    outcomes = Outcomes()
    await noon_queue.save_all(numbered(5))
    async with working(noon_queue, {"note": InBatches(decide)}, on_settled=outcomes):
        ended = await outcomes.reached(5)
    assert [ended[n].value for n in range(5)] == ["done", "postponed", "discarded", "retried", "retried"]
    rows = {row["arguments"]: row for row in await list_rows(noon_queue.database)}
    assert (rows['{"n": 1}']["due_at"], rows['{"n": 1}']["tries"]) == (NOON + HOUR, 0)
    assert (rows['{"n": 3}']["tries"], rows['{"n": 3}']["last_error"]) == (1, "ValueError: no")
    assert "not a result of a job: 'odd'" in rows['{"n": 4}']["last_error"]


async def fail_all(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
    raise ValueError("the batch is spoilt")


async def forget_one(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
    return [None for _ in jobs[1:]]


async def deadlock(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
    raise asyncpg.DeadlockDetectedError("deadlock detected")


async def be_cancelled(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
    raise asyncio.CancelledError


@pytest.mark.parametrize("decide", [fail_all, forget_one, deadlock, be_cancelled])
async def test_the_jobs_of_a_batch_that_fails_run_one_by_one(
    queue: Queue, db: Database, note: Recorder, decide: Decide, caplog: pytest.LogCaptureFixture
) -> None:
    async def single(job: ClaimedJob) -> None:
        await note(job)
        if job.arguments["n"] == 3:
            raise ValueError("poison")

    batches = Batches(decide)
    await queue.save_all(numbered(6))
    with caplog.at_level(logging.WARNING):
        async with working(queue, {"note": InBatches(batches, single)}):
            await note.reached(6)
    assert batches.ran == [note.ran]
    (row,) = await list_rows(db)
    assert (row["arguments"], row["tries"]) == ('{"n": 3}', 1)
    assert "a batch of 6 note jobs failed, they run one by one" in caplog.text


async def test_without_a_handler_of_single_jobs_batches_of_one_are_tried(queue: Queue) -> None:
    async def fail_together(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        return await (fail_all(jobs) if len(jobs) > 1 else all_done(jobs))

    batches = Batches(fail_together)
    await queue.save_all(numbered(3))
    async with working(queue, {"note": InBatches(batches)}):
        ran = await batches.reached(6)
    assert ran[1:] == [[n] for n in ran[0]]
    assert await is_empty(queue)


async def test_a_job_may_be_left_to_the_handler_of_single_jobs(queue: Queue, note: Recorder) -> None:
    async def leave_odd(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        return [RunAlone() if job.arguments["n"] % 2 else None for job in jobs]

    await queue.save_all(numbered(5))
    async with working(queue, {"note": InBatches(leave_odd, note)}):
        assert sorted(await note.reached(2)) == [1, 3]
    assert await is_empty(queue)


@pytest.mark.parametrize(("tries", "give_backs"), [(1, 0), (0, 1)])
async def test_a_job_that_ended_badly_before_never_shares_a_batch(
    queue: Queue, db: Database, note: Recorder, tries: int, give_backs: int
) -> None:
    batches = Batches()
    await queue.save_all(numbered(4))
    change = "UPDATE job SET tries = $1, give_backs = $2 WHERE arguments->>'n' = '2'"
    await db.execute(change, tries, give_backs)
    async with working(queue, {"note": InBatches(batches, note)}):
        await batches.reached(3)
        assert await note.reached(1) == [2]
    assert [sorted(numbers) for numbers in batches.ran] == [[0, 1, 3]]


async def test_a_batch_that_is_not_full_lingers(queue: Queue) -> None:
    batches = Batches()
    began = time.monotonic()
    handlers = {"note": InBatches(batches, size=3, linger=timedelta(seconds=0.3))}
    async with working(queue, handlers, prefetch=10):
        for job in numbered(4):
            await queue.save(job)
        assert await batches.reached(3) == [[0, 1, 2]]
        assert await batches.reached(4) == [[0, 1, 2], [3]]
    assert time.monotonic() - began >= 0.3


async def test_a_stop_gives_back_jobs_that_linger(queue: Queue, db: Database) -> None:
    batches = Batches()
    await queue.save_all(numbered(2))
    async with working(queue, {"note": InBatches(batches, linger=HOUR)}):

        async def are_claimed() -> bool:
            return all(job.is_running for job in await queue.queued())

        await until(are_claimed)
    assert [(row["tries"], row["leased_until"]) for row in await list_rows(db)] == [(0, None)] * 2
    assert batches.ran == []


async def test_a_batch_that_outlasts_the_grace_is_cancelled_and_given_back(
    queue: Queue, db: Database
) -> None:
    blocker = Blocker()

    async def block(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        await blocker(jobs[0])
        return await all_done(jobs)

    await queue.save_all(numbered(3))
    worker = Worker(queue, {"note": InBatches(block, Recorder())})
    running = asyncio.create_task(worker.run())
    await blocker.reached(1)
    await worker.stop(grace=0.05)
    await running
    assert blocker.cancelled.is_set()
    rows = await list_rows(db)
    assert [(row["tries"], row["leased_until"], row["give_backs"]) for row in rows] == [(0, None, 0)] * 3


async def test_a_batch_that_hangs_costs_only_the_job_that_hangs(queue: Queue, db: Database) -> None:
    async def hang(job: ClaimedJob) -> None:
        if job.arguments["n"] == 1:
            await asyncio.Event().wait()

    async def hang_together(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        for job in jobs:
            await hang(job)
        return await all_done(jobs)

    outcomes = Outcomes()
    await queue.save_all(numbered(3))
    handlers = {"note": WithDeadline(InBatches(hang_together, hang), timedelta(seconds=0.1))}
    async with working(queue, handlers, on_settled=outcomes):
        ended = await outcomes.reached(3)
    assert [ended[n] for n in range(3)] == [Outcome.DONE, Outcome.RETRIED, Outcome.DONE]
    (row,) = await list_rows(db)
    assert "TimeoutError: cancelled after 0.1 s" in row["last_error"]


async def test_a_lost_lease_cancels_a_batch_and_the_others_run_one_by_one(
    queue: Queue, db: Database, note: Recorder
) -> None:
    blocker = Blocker()

    async def block(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        await blocker(jobs[0])
        return await all_done(jobs)

    jobs = numbered(3)
    await queue.save_all(jobs)
    async with working(queue, {"note": InBatches(block, note)}, QUICK):
        await blocker.reached(1)
        await queue.cancel(jobs[1])
        assert sorted(await note.reached(2)) == [0, 2]
    assert await is_empty(queue)


async def test_a_job_that_killed_its_worker_is_not_tried_in_a_batch(
    queue: Queue, db: Database, note: Recorder
) -> None:
    batches = Batches()
    await queue.save_all(numbered(3))
    await expire_leases(db, tries=2)
    async with working(queue, {"note": InBatches(batches, note)}, QUICK):
        await note.reached(3)
    assert batches.ran == []


async def test_drain_runs_jobs_in_batches(noon_queue: Queue, note: Recorder) -> None:
    batches = Batches()
    await noon_queue.save_all(numbered(5))
    settlements = await drain(noon_queue, {"note": InBatches(batches, size=3)})
    assert [len(numbers) for numbers in batches.ran] == [3, 2]
    assert [settlement.outcome for settlement in settlements] == [Outcome.DONE] * 5


async def test_drain_keeps_the_order_of_jobs_of_other_types(noon_queue: Queue, note: Recorder) -> None:
    batches = Batches()
    first, second, third = numbered(3)
    await noon_queue.save(first)
    await noon_queue.save(Job(job_type="other", arguments={"n": "between"}))
    await noon_queue.save(second)
    await noon_queue.save(third)
    await drain(noon_queue, {"note": InBatches(batches), "other": note})
    assert (batches.ran, note.ran) == ([[0], [1, 2]], ["between"])


async def test_drain_runs_the_jobs_of_a_batch_that_raises_one_by_one_and_raises_its_error(
    noon_queue: Queue, note: Recorder
) -> None:
    await noon_queue.save_all(numbered(3))
    with pytest.raises(ValueError, match="spoilt"):
        await drain(noon_queue, {"note": InBatches(fail_all, note)})
    assert sorted(note.ran) == [0, 1, 2]
    assert await is_empty(noon_queue)


def test_a_batch_has_room_for_a_job() -> None:
    with pytest.raises(ValueError, match="at least one"):
        InBatches(all_done, size=0)


async def test_a_batch_counts_as_one_handler(queue: Queue) -> None:
    blocker = Blocker()

    async def block(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        await blocker(jobs[0])
        return await all_done(jobs)

    await queue.save_all(numbered(30))
    async with working(queue, {"note": InBatches(block, size=10)}, concurrency=2, prefetch=100):
        await blocker.reached(2)
        (lane,) = await queue.stats()
        assert (lane.leased, len(blocker.ran)) == (30, 2)
        blocker.release()
        await blocker.reached(3)


async def test_jobs_gather_while_the_only_batch_that_may_run_runs(queue: Queue) -> None:
    go_on = asyncio.Event()

    async def wait(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
        await go_on.wait()
        return [None for _ in jobs]

    batches, recorder = Batches(wait), Recorder()
    handlers: dict[str, Handler] = {"note": InBatches(batches, concurrency=1), "other": recorder}
    async with working(queue, handlers, prefetch=100):
        await queue.save(Job(job_type="note", arguments={"n": 7}))

        async def has_begun() -> bool:
            return batches.ran != []

        await until(has_begun)
        await queue.save_all(numbered(5))
        await queue.save(Job(job_type="other", arguments={"n": 9}))
        await recorder.reached(1)  # another type does not wait behind it
        assert batches.ran == [[7]]
        go_on.set()
        assert [sorted(numbers) for numbers in await batches.reached(6)] == [[7], [0, 1, 2, 3, 4]]
