"""Questions of people and metrics to the queue: lists, the health of the database, and pruning."""

from datetime import timedelta

import pytest

from jobq import Database, Job, Queue, utc_now
from jobq.claims import claim, settle
from jobq.settlement import settle_error
from tests.jobq.working import NOON, Clock, connected, numbered

MINUTE = timedelta(minutes=1)


async def save_and_kill(queue: Queue, *numbers: int) -> None:
    """Save jobs that fail for good at the queue's current time."""
    await queue.save_all(Job(job_type="note", arguments={"n": n}, max_retries=0) for n in numbers)
    async with queue.database.connection() as connection:
        jobs = (await claim(connection, 0, queue.now(), 100)).jobs
        dead = [settle_error(job, ValueError("no such channel"), queue.now()) for job in jobs]
        await settle(connection, dead, queue.now())


async def measure_skew(queue: Queue) -> tuple[timedelta, timedelta]:
    """The skew, and the longest time by which it may be wrong: that of the whole question."""
    began_at = utc_now()
    health = await queue.database_health()
    return health.clock_skew, utc_now() - began_at


async def test_a_correct_clock_has_hardly_any_skew(queue: Queue) -> None:
    skew, error = await measure_skew(queue)
    assert abs(skew) <= error


@pytest.mark.parametrize("minutes", [5, -5])
async def test_the_skew_is_how_far_the_application_is_ahead_of_postgres(db: Database, minutes: int) -> None:
    skew, error = await measure_skew(Queue(db, lambda: utc_now() + minutes * MINUTE))
    assert abs(skew - minutes * MINUTE) <= error


async def test_the_skew_is_measured_at_the_middle_of_the_round_trip(db: Database) -> None:
    times = iter([-2 * MINUTE, timedelta(0)])
    skew, error = await measure_skew(Queue(db, lambda: utc_now() + next(times)))
    assert abs(skew + MINUTE) <= error


async def test_the_age_of_a_snapshot_is_reported_until_its_transaction_ends(queue: Queue) -> None:
    assert (await queue.database_health()).oldest_snapshot_age == timedelta(0)
    async with connected(queue.database) as other:
        async with other.transaction(isolation="repeatable_read"):
            began_at = await other.fetchval(
                "SELECT xact_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            )
            age = (await queue.database_health()).oldest_snapshot_age
            now = await other.fetchval("SELECT clock_timestamp()")
        assert timedelta(0) < age <= now - began_at
        assert (await queue.database_health()).oldest_snapshot_age == timedelta(0)


async def test_an_idle_transaction_counts_once_it_has_written(queue: Queue) -> None:
    async with connected(queue.database) as other, other.transaction():
        await other.execute("DELETE FROM job_dead")
        assert (await queue.database_health()).oldest_snapshot_age == timedelta(0)
        await other.execute("SELECT pg_current_xact_id()")
        assert (await queue.database_health()).oldest_snapshot_age > timedelta(0)


async def test_waiting_and_running_jobs_are_listed_the_ripest_first(noon_queue: Queue) -> None:
    queue = noon_queue
    await queue.save(Job(job_type="later").runs_in(hours=1))
    await queue.save(Job(job_type="old").runs_at(NOON - MINUTE))
    await queue.save(Job(job_type="new", arguments={"n": 1}))
    async with queue.database.connection() as connection:
        await claim(connection, 0, NOON, 1)
    listed = await queue.queued()
    assert [(item.job.job_type, item.due_at - NOON, item.is_running, item.tries) for item in listed] == [
        ("old", -MINUTE, True, 1),
        ("new", timedelta(0), False, 0),
        ("later", 60 * MINUTE, False, 0),
    ]
    assert await queue.queued(limit=1) == listed[:1]


async def test_a_job_is_found_by_its_id_and_can_then_be_cancelled(queue: Queue) -> None:
    await queue.save_all(numbered(3))
    _, listed, _ = await queue.queued()
    queued = await queue.find(listed.id)
    assert queued == listed
    assert await queue.cancel(queued.job)
    assert await queue.find(listed.id) is None


async def test_pruning_deletes_the_jobs_that_died_before_an_instant_page_by_page(
    noon_queue: Queue, clock: Clock
) -> None:
    queue = noon_queue
    await save_and_kill(queue, 1, 2, 3, 4, 5)
    clock.at = NOON + MINUTE
    await save_and_kill(queue, 6)
    assert await queue.prune(NOON + MINUTE, page=2) == 5
    assert [dead.job.arguments for dead in await queue.dead()] == [{"n": 6}]
    assert await queue.prune(NOON + MINUTE, page=1) == 0
