"""Worker processes that are killed, stopped, or kill themselves."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from jobq import Database, Job, Queue

Start = Callable[[], Awaitable[Process]]


@pytest.fixture
async def start(db: Database, dsn: str) -> AsyncIterator[Start]:
    """Starts worker processes, and ends them after the test."""
    await db.execute("CREATE TABLE ran (job_id bigint, pid int)")
    started: list[Process] = []

    async def start() -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.jobq.process", dsn, stdout=PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await db.execute("DROP TABLE ran")


async def hear(process: Process, word: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while not (line := await process.stdout.readline()).startswith(word.encode()):
            assert line, "the process ended"


async def drained(queue: Queue) -> None:
    """Wait until no job is left."""
    async with asyncio.timeout(20):
        while any(lane.ready + lane.future + lane.leased for lane in await queue.stats()):
            await queue.database.execute("SELECT pg_sleep(0.02)")


async def runs(db: Database) -> list[int]:
    return [row["job_id"] for row in await db.fetch("SELECT job_id FROM ran ORDER BY job_id")]


async def test_a_job_runs_again_after_its_worker_was_killed_before_it_settled(
    queue: Queue, db: Database, start: Start
) -> None:
    await queue.save(Job(job_type="hang"))
    first = await start()
    await hear(first, "started")
    first.kill()

    await start()
    await drained(queue)

    rows = await db.fetch("SELECT job_id, pid FROM ran")
    assert len(rows) == 2
    assert len({row["job_id"] for row in rows}) == 1
    assert len({row["pid"] for row in rows}) == 2


async def test_a_worker_that_was_paused_past_its_lease_changes_nothing(
    queue: Queue, db: Database, start: Start
) -> None:
    await queue.save(Job(job_type="slow"))
    paused = await start()
    await hear(paused, "started")
    os.kill(paused.pid, signal.SIGSTOP)
    await start()
    await drained(queue)
    await queue.save(Job(job_type="slow"))
    before = await db.fetchval("SELECT id FROM job")
    os.kill(paused.pid, signal.SIGCONT)
    await drained(queue)
    assert before in await runs(db)


async def test_a_terminated_worker_finishes_its_jobs_and_exits_cleanly(
    queue: Queue, db: Database, start: Start
) -> None:
    await queue.save_all([Job(job_type="slow", arguments={"n": n}) for n in range(5)])
    process = await start()
    await hear(process, "started")
    process.terminate()
    await hear(process, "ended")
    assert await process.wait() == 0
    assert await db.fetchval("SELECT count(*) FROM job WHERE leased_until IS NOT NULL OR tries > 0") == 0
    assert len(set(await runs(db))) == len(await runs(db)) == 5


async def test_a_job_that_kills_its_process_dies_alone(queue: Queue, db: Database, start: Start) -> None:
    await queue.save(Job(job_type="poison", max_retries=2))
    await queue.save_all([Job(job_type="note", arguments={"n": n}, max_retries=2) for n in range(5)])
    for _ in range(3):
        assert await (await start()).wait() == -signal.SIGKILL
    await start()
    await drained(queue)
    (dead,) = await queue.dead()
    assert dead.job.job_type == "poison"
    assert len(set(await runs(db))) == 5
