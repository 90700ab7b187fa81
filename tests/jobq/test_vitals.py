"""What people and metrics ask the queue."""

from datetime import timedelta

import pytest

from jobq import Database, Job, Queue, utc_now
from jobq.claims import claim, settle
from jobq.settlement import settle_error
from tests.jobq.working import NOON, Clock, numbered

MINUTE = timedelta(minutes=1)


async def bury(queue: Queue, *names: int) -> None:
    """Jobs that die at the queue's now."""
    await queue.save_all(Job(job_type="note", arguments={"n": n}, max_retries=0) for n in names)
    async with queue.database.connection() as connection:
        jobs = (await claim(connection, 0, queue.now(), 100)).jobs
        dead = [settle_error(job, ValueError("no such channel"), queue.now()) for job in jobs]
        await settle(connection, dead, queue.now())


async def test_a_clock_that_is_right_has_hardly_any_skew(queue: Queue) -> None:
    assert abs((await queue.database_health()).clock_skew) < timedelta(seconds=1)


@pytest.mark.parametrize("minutes", [5, -5])
async def test_the_skew_is_how_far_the_application_is_ahead_of_postgres(db: Database, minutes: int) -> None:
    vitals = await Queue(db, lambda: utc_now() + minutes * MINUTE).database_health()
    assert abs(vitals.clock_skew - minutes * MINUTE) < timedelta(seconds=1)


async def test_half_the_round_trip_is_not_skew(db: Database) -> None:
    times = iter([-2 * MINUTE, timedelta(0)])
    vitals = await Queue(db, lambda: utc_now() + next(times)).database_health()
    assert abs(vitals.clock_skew + MINUTE) < timedelta(seconds=1)


async def test_a_transaction_that_holds_a_snapshot_is_seen_with_its_age_until_it_ends(queue: Queue) -> None:
    assert (await queue.database_health()).oldest_snapshot_age == timedelta(0)
    other = await queue.database.connect()
    try:
        async with other.transaction(isolation="repeatable_read"):
            begun_at = await other.fetchval(
                "SELECT xact_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            )
            age = (await queue.database_health()).oldest_snapshot_age
            now = await other.fetchval("SELECT clock_timestamp()")
        assert timedelta(0) < age <= now - begun_at
        assert (await queue.database_health()).oldest_snapshot_age == timedelta(0)
    finally:
        await other.close()


async def test_a_transaction_that_wrote_and_idles_holds_up_the_cleaning_too(queue: Queue) -> None:
    other = await queue.database.connect()
    try:
        async with other.transaction():
            await other.execute("DELETE FROM job_dead")
            assert (await queue.database_health()).oldest_snapshot_age == timedelta(0)
            await other.execute("SELECT pg_current_xact_id()")
            assert (await queue.database_health()).oldest_snapshot_age > timedelta(0)
    finally:
        await other.close()


async def test_the_queued_jobs_are_listed_ripest_first_with_what_runs(db: Database) -> None:
    queue = Queue(db, Clock())
    await queue.save(Job(job_type="later").runs_in(hours=1))
    await queue.save(Job(job_type="old").runs_at(NOON - MINUTE))
    await queue.save(Job(job_type="new", arguments={"n": 1}))
    async with db.connection() as connection:
        await claim(connection, 0, NOON, 1)
    listed = await queue.queued()
    assert [(one.job.job_type, one.due_at - NOON, one.is_running, one.tries) for one in listed] == [
        ("old", -MINUTE, True, 1),
        ("new", timedelta(0), False, 0),
        ("later", 60 * MINUTE, False, 0),
    ]
    assert await queue.queued(limit=1) == listed[:1]


async def test_a_job_is_found_by_its_id_and_can_then_be_cancelled(queue: Queue) -> None:
    await queue.save_all(numbered(3))
    _, wanted, _ = await queue.queued()
    found = await queue.find(wanted.id)
    assert found == wanted
    assert await queue.cancel(found.job)
    assert await queue.find(wanted.id) is None


async def test_pruning_forgets_those_that_died_before_then_a_page_at_a_time(db: Database) -> None:
    clock = Clock()
    queue = Queue(db, clock)
    await bury(queue, 1, 2, 3, 4, 5)
    clock.at = NOON + MINUTE
    await bury(queue, 6)
    assert await queue.prune(NOON + MINUTE, page=2) == 5
    assert [dead.job.arguments for dead in await queue.dead()] == [{"n": 6}]
    assert await queue.prune(NOON + MINUTE, page=1) == 0
