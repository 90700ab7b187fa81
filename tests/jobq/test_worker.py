"""The worker claims jobs, runs them, settles them, and stops in good order."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from jobq import (
    ClaimedJob,
    Database,
    Discard,
    Handler,
    HandlerResult,
    Job,
    Postpone,
    Queue,
    Worker,
    current_database,
)
from tests.jobq.working import (
    NO_SWEEPS,
    NOON,
    QUICK,
    Blocker,
    Recorder,
    expire_leases,
    happens,
    list_rows,
    load_only_row,
    numbered,
    other_process,
    working,
)

HOUR = timedelta(hours=1)


async def test_a_worker_runs_every_job_once_and_leaves_nothing(queue: Queue, note: Recorder) -> None:
    await queue.save_all(numbered(500))
    async with working(queue, {"note": note}, prefetch=100):
        await note.reached(500)
    assert sorted(note.ran) == list(range(500))
    assert await queue.stats() == []


async def test_two_workers_share_the_jobs_without_running_one_twice(
    queue: Queue, note: Recorder, dsn: str
) -> None:
    await queue.save_all(numbered(300))
    async with (
        other_process(dsn) as other,
        working(queue, {"note": note}),
        working(other, {"note": note}),
    ):
        await note.reached(300)
    assert sorted(note.ran) == list(range(300))


async def test_no_more_than_concurrency_run_at_once(queue: Queue) -> None:
    running, most = 0, 0
    blocker = Blocker()

    async def count(job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await blocker(job)
        running -= 1

    await queue.save_all(numbered(10))
    async with working(queue, {"note": count}, concurrency=3, prefetch=4):
        await blocker.reached(3)
        blocker.release()
    assert most == 3


async def test_a_worker_claims_no_more_than_it_can_start_or_prefetch(queue: Queue) -> None:
    blocker = Blocker()
    await queue.save_all(numbered(20))
    async with working(queue, {"note": blocker}, concurrency=2, prefetch=3):
        await blocker.reached(1)
        (lane,) = await queue.stats()
        blocker.release()
    assert lane.leased == 5


async def test_a_handler_runs_with_the_database_ambient_and_outside_any_transaction(
    queue: Queue, note: Recorder
) -> None:
    seen: list[object] = []

    async def look(job: ClaimedJob) -> None:
        async with current_database().connection() as connection:
            seen.append((current_database(), connection.is_in_transaction()))
        await note(job)

    await queue.save(Job(job_type="look"))
    async with working(queue, {"look": look}):
        await note.reached(1)
    assert seen == [(queue.database, False)]


async def test_a_worker_leaves_other_lanes_alone(queue: Queue, note: Recorder) -> None:
    await queue.save(Job(job_type="note", arguments={"n": "calls"}, lane=1))
    await queue.save(Job(job_type="note", arguments={"n": "facts"}))
    async with working(queue, {"note": note}):
        await note.reached(1)
    assert note.ran == ["facts"]


async def try_once(queue: Queue, handler: Handler) -> Any:
    """Let a worker run one job once. Returns its row, or None if the job is gone."""
    tried = asyncio.Event()

    async def handle(job: ClaimedJob) -> HandlerResult:
        tried.set()
        return await handler(job)

    await queue.save(Job(job_type="try"))
    async with working(queue, {"try": handle}):
        await happens(tried)
    rows = await list_rows(queue.database)
    return rows[0] if rows else None


async def test_a_handler_that_raises_is_retried_after_five_minutes(noon_queue: Queue) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("no such channel")

    row = await try_once(noon_queue, fail)
    assert (row["due_at"], row["tries"], row["leased_until"]) == (NOON + timedelta(minutes=5), 1, None)
    assert row["last_error"].startswith("ValueError: no such channel")


async def test_a_handler_that_raises_cancelled_error_is_retried(noon_queue: Queue) -> None:
    async def cancelled(job: ClaimedJob) -> None:
        raise asyncio.CancelledError

    row = await try_once(noon_queue, cancelled)
    assert (row["due_at"], row["tries"]) == (NOON + timedelta(minutes=5), 1)


async def return_postponement(job: ClaimedJob) -> Postpone:
    return Postpone(NOON + HOUR)


async def raise_postponement(job: ClaimedJob) -> None:
    raise Postpone(NOON + HOUR)


@pytest.mark.parametrize("handler", [return_postponement, raise_postponement])
async def test_a_postponed_job_waits_and_the_try_does_not_count(noon_queue: Queue, handler: Handler) -> None:
    row = await try_once(noon_queue, handler)
    assert (row["due_at"], row["tries"]) == (NOON + HOUR, 0)


async def test_a_discarded_job_is_gone(noon_queue: Queue) -> None:
    async def discard(job: ClaimedJob) -> Discard:
        return Discard("closed")

    assert await try_once(noon_queue, discard) is None


async def test_a_deadlock_gives_the_job_back_after_a_second_without_counting(noon_queue: Queue) -> None:
    async def deadlock(job: ClaimedJob) -> None:
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    row = await try_once(noon_queue, deadlock)
    assert (row["due_at"], row["tries"]) == (NOON + timedelta(seconds=1), 0)


async def test_a_connection_that_is_cut_in_a_handler_gives_the_job_back_without_counting(
    noon_queue: Queue,
) -> None:
    async def cut(job: ClaimedJob) -> None:
        async with current_database().transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    row = await try_once(noon_queue, cut)
    assert (row["due_at"], row["tries"]) == (NOON + timedelta(seconds=1), 0)


async def test_a_job_without_a_handler_is_retried_and_its_error_names_the_type(
    noon_queue: Queue, note: Recorder
) -> None:
    await noon_queue.save(Job(job_type="of the future").runs_at(NOON - HOUR))
    await noon_queue.save(Job(job_type="note"))
    async with working(noon_queue, {"note": note}, concurrency=1):
        await note.reached(1)
    row = await load_only_row(noon_queue.database)
    assert row["ripe_at"] == NOON + timedelta(minutes=5)
    assert row["last_error"].startswith("JobQueueError: no handler for 'of the future', only for note")


async def test_a_job_whose_workers_died_in_all_its_tries_dies_without_running(
    queue: Queue, note: Recorder
) -> None:
    await queue.save(Job(job_type="note", arguments={"n": "killer"}, max_retries=2))
    await expire_leases(queue.database, tries=3)
    await queue.save(Job(job_type="note", arguments={"n": "next"}))
    async with working(queue, {"note": note}, concurrency=1):
        await note.reached(1)
    assert note.ran == ["next"]
    (dead,) = await queue.dead()
    assert dead.tries == 3
    assert dead.last_error is not None
    assert dead.last_error.startswith("lease expired")


async def test_a_job_that_is_saved_while_it_runs_runs_again_at_once(queue: Queue, note: Recorder) -> None:
    again = Job(job_type="again")

    async def save_itself(job: ClaimedJob) -> None:
        await note(job)
        if len(note.ran) == 1:
            await queue.save(again)

    await queue.save(again)
    async with working(queue, {"again": save_itself}, NO_SWEEPS):
        await note.reached(2)
    assert await queue.stats() == []


async def test_suspected_poison_jobs_run_one_at_a_time(queue: Queue, db: Database, note: Recorder) -> None:
    running, most = 0, 0

    async def count(job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await db.execute("SELECT 1")
        running -= 1
        await note(job)

    await queue.save_all(numbered(3))
    await expire_leases(db, tries=2)
    async with working(queue, {"note": count}, QUICK):
        await note.reached(3)
    assert most == 1
    assert await queue.stats() == []


async def test_an_idle_worker_stops_without_waiting_for_its_next_sweep(queue: Queue) -> None:
    worker = Worker(queue, {}, timing=NO_SWEEPS)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(2):
        await worker.stop()
        await running


async def test_a_worker_stopped_before_it_ran_runs_nothing(queue: Queue, note: Recorder) -> None:
    await queue.save(Job(job_type="note"))
    worker = Worker(queue, {"note": note})
    await worker.stop()
    await worker.run()
    assert note.ran == []


async def test_a_stop_lets_handlers_end_and_gives_back_jobs_that_have_not_started(
    queue: Queue, db: Database
) -> None:
    blocker = Blocker()
    await queue.save_all(numbered(4))
    worker = Worker(queue, {"note": blocker}, concurrency=1, prefetch=2)
    running = asyncio.create_task(worker.run())
    await blocker.reached(1)
    stopping = asyncio.create_task(worker.stop())
    await asyncio.wait({stopping}, timeout=0.05)
    assert not stopping.done()
    blocker.release()
    await stopping
    await running
    rows = await list_rows(db)
    assert [(row["tries"], row["leased_until"], row["due_at"] - row["created_at"]) for row in rows] == [
        (0, None, timedelta(0))
    ] * 3


async def test_a_handler_that_outlasts_the_grace_is_cancelled_and_its_job_given_back(
    queue: Queue, db: Database
) -> None:
    blocker = Blocker()
    await queue.save(Job(job_type="note"))
    worker = Worker(queue, {"note": blocker})
    running = asyncio.create_task(worker.run())
    await blocker.reached(1)
    await worker.stop(grace=0.05)
    await running
    assert blocker.cancelled.is_set()
    row = await load_only_row(db)
    assert (row["tries"], row["leased_until"], row["ripe_at"]) == (0, None, row["created_at"])
