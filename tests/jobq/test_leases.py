"""Leases: kept while their worker lives, lost when it cannot say so; whatever else is locked or cut."""

import asyncio
from datetime import datetime

from jobq import (
    ClaimedJob,
    Database,
    Job,
    Queue,
    Timing,
    current_database,
)
from tests.jobq.working import (
    QUICK,
    Log,
    another,
    numbered,
    only_row,
    working,
)


async def test_a_heartbeat_keeps_a_long_job_from_everybody_else(queue: Queue, note: Log, dsn: str) -> None:
    gate = asyncio.Event()
    beats: list[datetime] = []

    async def long(job: ClaimedJob) -> None:
        await note(job)
        lease = "SELECT leased_until FROM job WHERE job_type = 'long'"
        first = await current_database().fetchval(lease)
        while not beats or beats[-1] < first + 2 * QUICK.lease:
            beats.append(await current_database().fetchval(lease))
            await asyncio.wait({asyncio.create_task(gate.wait())}, timeout=0.05)
        gate.set()

    await queue.save(Job(job_type="long"))
    async with (
        another(dsn) as other,
        working(queue, {"long": long}, QUICK),
        working(other, {"long": long}, QUICK),
    ):
        await gate.wait()
    assert len(note.ran) == 1


async def test_a_handler_whose_lease_is_lost_is_cancelled_and_changes_nothing(
    queue: Queue, db: Database
) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await queue.save(Job(job_type="wait"))
    async with working(queue, {"wait": wait}, QUICK):
        await started.wait()
        await db.execute("UPDATE job SET fence = 2, leased_until = now() + interval '1 hour'")
        async with asyncio.timeout(5):
            await cancelled.wait()
    row = await only_row(db)
    assert (row["fence"], row["tries"], row["last_error"]) == (2, 1, None)


async def test_a_worker_that_cannot_beat_cancels_its_handlers_before_the_lease_ends(
    queue: Queue, db: Database
) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await queue.save(Job(job_type="wait"))
    async with working(queue, {"wait": wait}, QUICK), db.transaction() as blocking:
        await started.wait()
        await blocking.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_a_stuck_transaction_on_one_job_does_not_hold_up_the_others(
    queue: Queue, db: Database, note: Log
) -> None:
    gates = [asyncio.Event() for _ in range(5)]

    async def wait(job: ClaimedJob) -> None:
        await note(job)
        await gates[job.arguments["n"]].wait()

    await queue.save_all(numbered(5))
    async with working(queue, {"note": wait}, QUICK):
        await note.reached(5)
        async with db.transaction() as stuck:
            await stuck.execute("SELECT FROM job WHERE arguments = '{\"n\": 0}' FOR UPDATE")
            for gate in gates:
                gate.set()
            async with asyncio.timeout(5):
                while await stuck.fetchval("SELECT count(*) FROM job") > 1:
                    pass
    assert len(note.ran) == 5
    assert await queue.stats() == []


async def test_handlers_that_hold_the_whole_pool_do_not_stop_the_worker(dsn: str, note: Log) -> None:
    async with Database(dsn, max_size=2) as small:
        queue = Queue(small)
        gate = asyncio.Event()

        async def hog(job: ClaimedJob) -> None:
            async with current_database().connection():
                await note(job)
                await gate.wait()

        await queue.save_all([Job(job_type="hog", arguments={"n": n}) for n in range(2)])
        async with working(queue, {"hog": hog, "note": note}, QUICK), another(dsn) as other:
            await note.reached(2)
            await other.save(Job(job_type="note", arguments={"n": 2}))
            await note.reached(3)
            async with asyncio.timeout(5):
                while (await other.stats())[0].leased > 2:
                    pass
            gate.set()


async def test_a_worker_goes_on_after_all_its_connections_were_cut(queue: Queue, note: Log, dsn: str) -> None:
    gate = asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        await note(job)
        await gate.wait()

    async with (
        working(queue, {"wait": wait, "note": note}, Timing(retry_after=0.05)),
        another(dsn) as other,
    ):
        await queue.save(Job(job_type="wait"))
        await note.reached(1)
        async with other.database.connection() as connection:
            await connection.fetch(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        gate.set()
        for n in range(3):
            await other.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 2)
    assert await queue.stats() == []


async def test_suspects_run_one_at_a_time(queue: Queue, db: Database) -> None:
    running, most, ran = 0, 0, Log()

    async def count(job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await db.execute("SELECT 1")
        running -= 1
        await ran(job)

    await queue.save_all(numbered(3))
    await db.execute("UPDATE job SET tries = 2, fence = 2, leased_until = now() - interval '1 second'")
    async with working(queue, {"note": count}, QUICK):
        await ran.reached(3)
    assert most == 1
    assert await queue.stats() == []
