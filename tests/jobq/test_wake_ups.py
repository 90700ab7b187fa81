"""Wake-ups: a worker starts at once what became ripe."""

import asyncio
from datetime import timedelta
from typing import Any

from jobq import (
    ClaimedJob,
    Database,
    Job,
    Queue,
    Timing,
    utc_now,
)
from tests.jobq.working import (
    NOON,
    POLLING_IS_TOO_SLOW,
    QUICK,
    Clock,
    Log,
    another,
    insert_silently,
    numbered,
    working,
)


async def test_a_save_wakes_the_worker_of_its_own_process(queue: Queue, note: Log) -> None:
    async with working(queue, {"note": note}, POLLING_IS_TOO_SLOW):
        for n in range(5):
            await queue.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 1)


async def test_a_save_wakes_the_worker_of_another_process(queue: Queue, note: Log, dsn: str) -> None:
    async with another(dsn) as other, working(queue, {"note": note}, POLLING_IS_TOO_SLOW):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        for n in range(5):
            async with other.database.transaction():
                await other.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 2)


async def test_a_back_dated_job_is_found_at_once(queue: Queue, note: Log, dsn: str) -> None:
    async with another(dsn, now=lambda: NOON) as slow, working(queue, {"note": note}, POLLING_IS_TOO_SLOW):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        await slow.save(Job(job_type="note", arguments={"n": 1}))
        await note.reached(2)


async def test_polling_alone_works_too(queue: Queue, note: Log) -> None:
    async with working(queue, {"note": note}, QUICK):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        await insert_silently(queue.database)
        await note.reached(2)


async def test_a_worker_sleeps_exactly_until_the_next_job_is_ripe(queue: Queue) -> None:
    late: list[timedelta] = []
    done = asyncio.Event()

    async def measure(job: ClaimedJob) -> None:
        late.append(utc_now() - job.due_at)
        done.set()

    async with working(queue, {"measure": measure}, POLLING_IS_TOO_SLOW):
        await queue.save(Job(job_type="measure").runs_at(utc_now() + timedelta(seconds=0.3)))
        async with asyncio.timeout(5):
            await done.wait()
    assert timedelta(0) <= late[0] < timedelta(seconds=0.2)


async def test_a_clock_that_jumps_is_noticed_when_told(db: Database, note: Log) -> None:
    clock = Clock()
    queue = Queue(db, now=clock)
    async with working(queue, {"note": note}, POLLING_IS_TOO_SLOW) as worker:
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


async def test_what_is_saved_while_nobody_listens_is_found_when_listening_resumes(
    queue: Queue, note: Log, dsn: str
) -> None:
    never_polls = Timing(sweep_every=600, retry_after=0.05)
    async with working(queue, {"note": note}, never_polls), another(dsn) as other:
        await other.save(Job(job_type="note"))
        await note.reached(1)
        pid = await _listening_pid(other.database)
        await insert_silently(other.database)
        await other.database.execute("SELECT pg_terminate_backend($1, 1000)", pid)
        await note.reached(2)
        async with asyncio.timeout(5):
            while await _listening_pid(other.database) in (None, pid):
                pass
        await other.save(Job(job_type="note", arguments={"n": 2}))
        await note.reached(3)


async def _listening_pid(db: Database) -> Any:
    return await db.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')"
    )
