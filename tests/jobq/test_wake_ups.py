"""A worker starts a job as soon as it is ripe: saves wake it, and it wakes itself for the next job."""

from datetime import timedelta
from typing import Any

from jobq import ClaimedJob, Database, Job, Queue, Timing, utc_now
from tests.jobq.working import (
    NO_SWEEPS,
    NOON,
    QUICK,
    Clock,
    Recorder,
    insert_without_wake_up,
    numbered,
    other_process,
    until,
    working,
)


async def test_a_save_wakes_the_worker_of_its_own_process(queue: Queue, note: Recorder) -> None:
    async with working(queue, {"note": note}, NO_SWEEPS):
        for n in range(5):
            await queue.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 1)


async def test_a_save_wakes_the_worker_of_another_process(queue: Queue, note: Recorder, dsn: str) -> None:
    async with other_process(dsn) as other, working(queue, {"note": note}, NO_SWEEPS):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        for n in range(5):
            async with other.database.transaction():
                await other.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 2)


async def test_a_job_that_is_saved_for_the_past_starts_at_once(
    queue: Queue, note: Recorder, dsn: str
) -> None:
    async with other_process(dsn, now=lambda: NOON) as slow, working(queue, {"note": note}, NO_SWEEPS):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        await slow.save(Job(job_type="note", arguments={"n": 1}))
        await note.reached(2)


async def test_polling_finds_a_job_without_a_wake_up(queue: Queue, note: Recorder) -> None:
    async with working(queue, {"note": note}, QUICK):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        await insert_without_wake_up(queue.database)
        await note.reached(2)


async def test_a_worker_sleeps_until_its_next_job_is_ripe(queue: Queue, note: Recorder) -> None:
    late: list[timedelta] = []

    async def measure(job: ClaimedJob) -> None:
        late.append(utc_now() - job.due_at)
        await note(job)

    async with working(queue, {"measure": measure}, NO_SWEEPS):
        await queue.save(Job(job_type="measure").runs_at(utc_now() + timedelta(seconds=0.3)))
        await note.reached(1)
    # Without sweeps only its own alarm can have started it, and never too soon.
    assert late[0] >= timedelta(0)


async def test_workers_that_are_woken_follow_a_clock_that_jumps(
    noon_queue: Queue, clock: Clock, note: Recorder
) -> None:
    queue = noon_queue
    async with working(queue, {"note": note}, NO_SWEEPS) as worker:
        await queue.save_all([job.runs_in(hours=n + 1) for n, job in enumerate(numbered(2))])
        await queue.save(Job(job_type="note", arguments={"n": "now"}))
        await note.reached(1)
        clock.at += timedelta(hours=1)
        worker.wake()
        await note.reached(2)
        clock.at += timedelta(hours=1)
        queue.wake()
        await note.reached(3)
        clock.at -= timedelta(hours=2)
        queue.wake()
        await queue.save(Job(job_type="note", arguments={"n": "back"}))
        await note.reached(4)
    assert note.ran == ["now", 0, 1, "back"]


async def test_a_job_saved_while_the_connection_was_lost_is_found_when_listening_resumes(
    queue: Queue, note: Recorder, dsn: str
) -> None:
    timing = Timing(sweep_every=NO_SWEEPS.sweep_every, retry_after=0.05)
    async with working(queue, {"note": note}, timing), other_process(dsn) as other:
        await other.save(Job(job_type="note"))
        await note.reached(1)
        pid = await _find_listening_pid(other.database)
        await insert_without_wake_up(other.database)
        await other.database.execute("SELECT pg_terminate_backend($1, 1000)", pid)
        await note.reached(2)

        async def is_listening_again() -> bool:
            return await _find_listening_pid(other.database) not in (None, pid)

        await until(is_listening_again)
        await other.save(Job(job_type="note", arguments={"n": 2}))
        await note.reached(3)


async def _find_listening_pid(db: Database) -> Any:
    return await db.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')"
    )
