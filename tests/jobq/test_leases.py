"""A worker keeps the leases of its jobs while it can reach Postgres, and gives its jobs up when it cannot."""

from datetime import datetime

from jobq import ClaimedJob, Database, Job, Queue, Timing, current_database
from tests.jobq.working import (
    QUICK,
    Blocker,
    Recorder,
    happens,
    load_only_row,
    numbered,
    other_process,
    until,
    working,
)


async def test_heartbeats_keep_a_long_job_from_other_workers(queue: Queue, dsn: str) -> None:
    blocker = Blocker()
    await queue.save(Job(job_type="long"))
    async with (
        other_process(dsn) as other,
        working(queue, {"long": blocker}, QUICK),
        working(other, {"long": blocker}, QUICK),
    ):
        await blocker.reached(1)
        first = await _leased_until(queue.database)

        async def is_extended_twice() -> bool:
            return await _leased_until(queue.database) >= first + 2 * QUICK.lease

        await until(is_extended_twice)
        blocker.release()
    assert len(blocker.ran) == 1


async def _leased_until(db: Database) -> datetime:
    leased_until: datetime = await db.fetchval("SELECT leased_until FROM job")
    return leased_until


async def test_a_handler_whose_lease_is_lost_is_cancelled_and_changes_nothing(
    queue: Queue, db: Database
) -> None:
    blocker = Blocker()
    await queue.save(Job(job_type="note"))
    async with working(queue, {"note": blocker}, QUICK):
        await blocker.reached(1)
        await db.execute("UPDATE job SET fence = 2, leased_until = now() + interval '1 hour'")
        await happens(blocker.cancelled)
    row = await load_only_row(db)
    assert (row["fence"], row["tries"], row["last_error"]) == (2, 1, None)


async def test_a_worker_that_cannot_send_heartbeats_cancels_its_handlers(queue: Queue, db: Database) -> None:
    blocker = Blocker()
    await queue.save(Job(job_type="note"))
    async with working(queue, {"note": blocker}, QUICK), db.transaction() as blocking:
        await blocker.reached(1)
        await blocking.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        await happens(blocker.cancelled)


async def test_a_stuck_transaction_on_one_job_does_not_hold_up_the_others(queue: Queue, db: Database) -> None:
    blocker = Blocker()
    await queue.save_all(numbered(5))
    async with working(queue, {"note": blocker}, QUICK):
        await blocker.reached(5)
        async with db.transaction() as stuck:
            await stuck.execute("SELECT FROM job WHERE arguments = '{\"n\": 0}' FOR UPDATE")
            blocker.release()

            async def only_one_is_left() -> bool:
                return bool(await stuck.fetchval("SELECT count(*) = 1 FROM job"))

            await until(only_one_is_left)
    assert len(blocker.ran) == 5
    assert await queue.stats() == []


async def test_handlers_that_occupy_the_whole_pool_do_not_stop_the_worker(dsn: str, note: Recorder) -> None:
    async with Database(dsn, max_size=2) as small:
        queue = Queue(small)
        blocker = Blocker()

        async def occupy(job: ClaimedJob) -> None:
            async with current_database().connection():
                await blocker(job)

        await queue.save_all([Job(job_type="occupy", arguments={"n": n}) for n in range(2)])
        async with working(queue, {"occupy": occupy, "note": note}, QUICK), other_process(dsn) as other:
            await blocker.reached(2)
            await other.save(Job(job_type="note"))
            await note.reached(1)

            async def note_is_settled() -> bool:
                return (await other.stats())[0].leased == 2

            await until(note_is_settled)
            blocker.release()


async def test_a_worker_goes_on_after_all_its_connections_were_cut(
    queue: Queue, note: Recorder, dsn: str
) -> None:
    blocker = Blocker()
    async with (
        working(queue, {"block": blocker, "note": note}, Timing(retry_after=0.05)),
        other_process(dsn) as other,
    ):
        await queue.save(Job(job_type="block"))
        await blocker.reached(1)
        async with other.database.connection() as connection:
            await connection.fetch(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        blocker.release()
        for n in range(3):
            await other.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 1)
    assert await queue.stats() == []
