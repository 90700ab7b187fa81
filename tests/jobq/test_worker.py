"""Worker: claim, run, settle, stop."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg

from jobq import (
    ClaimedJob,
    Database,
    Discard,
    Handler,
    Job,
    Postpone,
    Queue,
    Worker,
    current_database,
)
from tests.jobq.working import (
    NOON,
    POLLING_IS_TOO_SLOW,
    Log,
    another,
    numbered,
    only_row,
    working,
)


async def test_a_worker_runs_every_job_once_and_leaves_nothing(queue: Queue, note: Log) -> None:
    await queue.save_all(numbered(500))
    async with working(queue, {"note": note}, prefetch=100):
        await note.reached(500)
    assert sorted(note.ran) == list(range(500))
    assert await queue.stats() == []


async def test_two_workers_share_the_jobs_without_running_one_twice(
    queue: Queue, note: Log, dsn: str
) -> None:
    await queue.save_all(numbered(300))
    async with (
        another(dsn) as other,
        working(queue, {"note": note}),
        working(other, {"note": note}),
    ):
        await note.reached(300)
    assert sorted(note.ran) == list(range(300))


async def test_no_more_than_concurrency_run_at_once(queue: Queue) -> None:
    running, most = 0, 0
    gate = asyncio.Event()
    full = asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await gate.wait()
        running -= 1

    await queue.save_all(numbered(10))
    async with working(queue, {"note": wait}, concurrency=3, prefetch=4):
        await full.wait()
        gate.set()
    assert most == 3


async def test_a_worker_claims_no_more_than_it_can_start_or_prefetch(queue: Queue) -> None:
    gate, started = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        await gate.wait()

    await queue.save_all(numbered(20))
    async with working(queue, {"note": wait}, concurrency=2, prefetch=3):
        await started.wait()
        (lane,) = await queue.stats()
        gate.set()
    assert lane.leased == 5


async def test_a_handler_runs_with_the_database_ambient_and_outside_of_any_transaction(queue: Queue) -> None:
    found: list[object] = []
    done = asyncio.Event()

    async def look(job: ClaimedJob) -> None:
        async with current_database().connection() as connection:
            found.append((current_database(), connection.is_in_transaction()))
        done.set()

    await queue.save(Job(job_type="look"))
    async with working(queue, {"look": look}):
        await done.wait()
    assert found == [(queue.database, False)]


async def test_a_worker_leaves_other_lanes_alone(queue: Queue, note: Log) -> None:
    await queue.save(Job(job_type="note", arguments={"n": "calls"}, lane=1))
    await queue.save(Job(job_type="note", arguments={"n": "facts"}))
    async with working(queue, {"note": note}):
        await note.reached(1)
    assert note.ran == ["facts"]


async def outcome_of(db: Database, handler: Handler) -> Any:
    """The row of a job at noon after one try."""
    queue = Queue(db, now=lambda: NOON)
    tried = asyncio.Event()

    async def handle(job: ClaimedJob) -> Postpone | Discard | None:
        tried.set()
        return await handler(job)

    await queue.save(Job(job_type="try"))
    async with working(queue, {"try": handle}):
        await tried.wait()
    rows = await db.fetch("SELECT ripe_at - created_at AS later, tries, last_error, leased_until FROM job")
    return rows[0] if rows else None


async def test_a_handler_that_raises_is_retried_after_five_minutes(db: Database) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("no such channel")

    row = await outcome_of(db, fail)
    assert (row["later"], row["tries"], row["leased_until"]) == (timedelta(minutes=5), 1, None)
    assert row["last_error"].startswith("ValueError: no such channel")


async def test_a_handler_that_is_cancelled_from_inside_is_retried(db: Database) -> None:
    async def cancelled(job: ClaimedJob) -> None:
        raise asyncio.CancelledError

    row = await outcome_of(db, cancelled)
    assert (row["later"], row["tries"]) == (timedelta(minutes=5), 1)


async def test_a_returned_postponement_forgets_the_tries_and_a_raised_one_does_not_count(
    db: Database,
) -> None:
    async def returned(job: ClaimedJob) -> Postpone:
        return Postpone(NOON + timedelta(hours=1))

    async def raised(job: ClaimedJob) -> None:
        raise Postpone(NOON + timedelta(hours=1))

    for handler in (returned, raised):
        row = await outcome_of(db, handler)
        assert (row["later"], row["tries"]) == (timedelta(hours=1), 0)
        await db.execute("DELETE FROM job")


async def test_a_discarded_job_is_gone(db: Database) -> None:
    async def discard(job: ClaimedJob) -> Discard:
        return Discard("closed")

    assert await outcome_of(db, discard) is None


async def test_a_deadlock_gives_the_job_back_after_a_second_without_counting(db: Database) -> None:
    async def deadlock(job: ClaimedJob) -> None:
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    row = await outcome_of(db, deadlock)
    assert (row["later"], row["tries"]) == (timedelta(seconds=1), 0)


async def test_a_connection_that_is_cut_in_a_handler_gives_the_job_back_without_counting(
    db: Database,
) -> None:
    async def cut(job: ClaimedJob) -> None:
        async with current_database().transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    row = await outcome_of(db, cut)
    assert (row["later"], row["tries"]) == (timedelta(seconds=1), 0)


async def test_an_unknown_job_type_is_kept_and_says_so(db: Database, note: Log) -> None:
    queue = Queue(db, now=lambda: NOON)
    await queue.save(Job(job_type="of the future").runs_at(NOON - timedelta(hours=1)))
    await queue.save(Job(job_type="note"))
    async with working(queue, {"note": note}, concurrency=1):
        await note.reached(1)
    row = await only_row(db)
    assert row["ripe_at"] == NOON + timedelta(minutes=5)
    assert row["last_error"].startswith("UnknownJobTypeError: no handler for 'of the future', only for note")


async def test_a_job_with_too_many_tries_behind_it_dies_without_running(queue: Queue, note: Log) -> None:
    await queue.save(Job(job_type="note", arguments={"n": "killer"}, max_retries=2))
    await queue.database.execute(
        "UPDATE job SET tries = 3, fence = 3, leased_until = now() - interval '1 second'"
    )
    await queue.save(Job(job_type="note", arguments={"n": "next"}))
    async with working(queue, {"note": note}, concurrency=1):
        await note.reached(1)
    assert note.ran == ["next"]
    (dead,) = await queue.dead()
    assert dead.tries == 3
    assert dead.last_error is not None
    assert dead.last_error.startswith("lease expired")


async def test_a_job_that_is_saved_while_it_runs_runs_again_at_once(queue: Queue, note: Log) -> None:
    again = Job(job_type="again")

    async def save_itself(job: ClaimedJob) -> None:
        await note(job)
        if len(note.ran) == 1:
            await queue.save(again)

    await queue.save(again)
    async with working(queue, {"again": save_itself}, POLLING_IS_TOO_SLOW):
        await note.reached(2)
    assert await queue.stats() == []


async def test_an_idle_worker_stops_at_once(queue: Queue) -> None:
    async with working(queue, {}) as worker:
        asked = asyncio.get_running_loop().time()
        await worker.stop()
        assert asyncio.get_running_loop().time() - asked < 0.1


async def test_a_worker_stopped_before_it_ran_runs_nothing(queue: Queue, note: Log) -> None:
    await queue.save(Job(job_type="note"))
    worker = Worker(queue, {"note": note})
    await worker.stop()
    await worker.run()
    assert note.ran == []


async def test_a_stop_lets_what_runs_end_and_gives_back_what_has_not_started(
    queue: Queue, db: Database
) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        await gate.wait()

    await queue.save_all(numbered(4))
    worker = Worker(queue, {"note": wait}, concurrency=1, prefetch=2)
    running = asyncio.create_task(worker.run())
    await started.wait()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.wait({stopping}, timeout=0.05)
    assert not stopping.done()
    gate.set()
    await stopping
    await running
    rows = await db.fetch("SELECT tries, leased_until, coalesce(ripe_at, created_at) - created_at FROM job")
    assert [tuple(row) for row in rows] == [(0, None, timedelta(0))] * 3


async def test_what_does_not_end_within_the_grace_is_cancelled_and_given_back(
    queue: Queue, db: Database
) -> None:
    started = asyncio.Event()

    async def hang(job: ClaimedJob) -> None:
        started.set()
        await asyncio.Event().wait()

    await queue.save(Job(job_type="hang"))
    worker = Worker(queue, {"hang": hang})
    running = asyncio.create_task(worker.run())
    await started.wait()
    await worker.stop(grace=0.05)
    await running
    row = await only_row(db)
    assert (row["tries"], row["leased_until"], row["ripe_at"]) == (0, None, row["created_at"])
