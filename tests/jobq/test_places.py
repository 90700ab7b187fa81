"""Jobs take turns in one task, and each of them sees a task of its own."""

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from jobq import ClaimedJob, Database, Queue, current_database
from tests.jobq.working import (
    NO_SWEEPS,
    QUICK,
    Blocker,
    Recorder,
    connected,
    is_empty,
    numbered,
    pause,
    until,
    working,
)

seen: ContextVar[Any] = ContextVar("seen", default=None)


async def test_jobs_that_leave_no_trace_share_a_task(queue: Queue, note: Recorder) -> None:
    tasks: set[object] = set()

    async def count(job: ClaimedJob) -> None:
        tasks.add(asyncio.current_task())
        async with queue.database.transaction():
            pass
        await note(job)

    await queue.save_all(numbered(50))
    async with working(queue, {"note": count}, concurrency=2, prefetch=50):
        await note.reached(50)
    assert len(tasks) == 2


async def test_a_context_variable_of_one_job_is_unknown_to_the_next(queue: Queue, note: Recorder) -> None:
    before: list[object] = []

    async def leak(job: ClaimedJob) -> None:
        before.append(seen.get())
        seen.set(job.id)
        await note(job)

    await queue.save_all(numbered(5))
    seen.set("the worker's")
    async with working(queue, {"note": leak}, concurrency=1, prefetch=10):
        await note.reached(5)
    assert before == ["the worker's"] * 5


async def test_an_ambient_database_that_a_job_leaves_is_not_the_next_ones(queue: Queue, dsn: str) -> None:
    databases: list[Database] = []
    others: list[Database] = []
    note = Recorder()

    async def enter(job: ClaimedJob) -> None:
        databases.append(current_database())
        other = Database(dsn)
        await other.__aenter__()
        others.append(other)
        await note(job)

    await queue.save_all(numbered(3))
    async with working(queue, {"note": enter}, concurrency=1, prefetch=10):
        await note.reached(3)
    assert databases == [queue.database] * 3
    for other in others:
        await other.close()


async def test_a_job_that_cancels_its_own_task_cancels_no_other(queue: Queue, note: Recorder) -> None:
    async def cancel_itself(job: ClaimedJob) -> None:
        await pause(0)
        await note(job)
        if job.arguments["n"] % 2:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    await queue.save_all(numbered(6))
    async with working(queue, {"note": cancel_itself}, concurrency=1, prefetch=10):
        await note.reached(6)
    assert await is_empty(queue)


async def test_a_lease_that_is_lost_after_its_job_ended_cancels_no_other_job(
    queue: Queue, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    blocker = Blocker()
    for job in numbered(2):
        await queue.save(job)
    async with connected(db) as connection:

        async def run(job: ClaimedJob) -> None:
            if job.arguments["n"] == 0:  # its end cannot be written
                await connection.execute("BEGIN; SELECT FROM job WHERE arguments->>'n' = '0' FOR UPDATE")
            else:
                await blocker(job)

        async with working(queue, {"note": run}, QUICK, concurrency=1, prefetch=1):
            await blocker.reached(1)
            await connection.execute("DELETE FROM job WHERE arguments->>'n' = '0'; COMMIT")

            async def is_lost() -> bool:
                return "lease lost" in caplog.text

            await until(is_lost)
            await pause(0.05)
            assert not blocker.cancelled.is_set()
            blocker.release()
    assert await is_empty(queue)


async def test_jobs_that_never_wait_leave_turns_to_others(queue: Queue) -> None:
    count, turns = 0, 0

    async def run(job: ClaimedJob) -> None:
        nonlocal count
        count += 1

    async def take_turns() -> None:
        nonlocal turns
        while count < 1_000:
            turns += 1 if count else 0
            await asyncio.sleep(0)

    await queue.save_all(numbered(1_000))
    async with working(queue, {"note": run}, NO_SWEEPS, concurrency=1, prefetch=1_000):
        await take_turns()
    assert turns >= 10
