"""Concurrency keys: a limited number of jobs of a key run at once, and no other job waits for them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobq import ClaimedJob, Database, Job, Outcome, Postpone, Queue
from jobq.admission import admit, list_blocked_keys
from jobq.claims import ClaimResult, claim, settle
from jobq.settlement import settle_result
from jobq.testing import drain
from tests.jobq.working import (
    NO_SWEEPS,
    NOON,
    QUICK,
    Blocker,
    Clock,
    Recorder,
    expire_leases,
    other_process,
    until,
    working,
)


def keyed(n: int, key: str = "slow", limit: int = 1, **options: Any) -> Job:
    return Job(job_type="note", arguments={"n": n}, concurrency_key=key, concurrency_limit=limit, **options)


def plain(n: int) -> Job:
    return Job(job_type="note", arguments={"n": n})


async def admit_and_claim(queue: Queue, limit: int = 10) -> list[ClaimedJob]:
    """As a worker does, in one go."""
    async with queue.database.connection() as connection:
        await admit(connection, 0, queue.now(), await list_blocked_keys(connection, 0))
        return (await claim(connection, 0, queue.now(), limit)).jobs


async def finish(queue: Queue, *jobs: ClaimedJob, postponed_to: Any = None) -> None:
    result = None if postponed_to is None else Postpone(postponed_to)
    async with queue.database.connection() as connection:
        await settle(connection, [settle_result(job, result, queue.now()) for job in jobs], queue.now())


def numbers(jobs: list[ClaimedJob]) -> list[int]:
    return [job.arguments["n"] for job in jobs]


async def test_no_more_jobs_of_a_key_are_claimed_than_its_limit(queue: Queue) -> None:
    await queue.save_all([keyed(n, limit=2) for n in range(5)] + [plain(5), keyed(6, "other")])
    claimed = await admit_and_claim(queue)
    assert sorted(numbers(claimed))[-2:] == [5, 6]
    assert len(claimed) == 4
    assert await admit_and_claim(queue) == []


async def test_jobs_of_a_key_run_in_the_order_in_which_they_became_due(queue: Queue) -> None:
    for n in (2, 0, 1):
        await queue.save(keyed(n).runs_at(NOON + timedelta(minutes=n)))
    ran = []
    while claimed := await admit_and_claim(queue):
        ran += numbers(claimed)
        await finish(queue, *claimed)
    assert ran == [0, 1, 2]


async def test_a_slot_is_free_when_its_job_is_postponed(noon_queue: Queue, clock: Clock) -> None:
    await noon_queue.save_all([keyed(0), keyed(1)])
    (first,) = await admit_and_claim(noon_queue)
    await finish(noon_queue, first, postponed_to=NOON + timedelta(hours=1))
    (second,) = await admit_and_claim(noon_queue)
    clock.at += timedelta(hours=2)
    assert await admit_and_claim(noon_queue) == []
    await finish(noon_queue, second)
    assert numbers(await admit_and_claim(noon_queue)) == numbers([first])


async def test_a_job_whose_lease_expired_keeps_its_slot_and_is_claimed_again(queue: Queue) -> None:
    await queue.save_all([keyed(0), keyed(1)])
    (first,) = await admit_and_claim(queue)
    await expire_leases(queue.database)
    (again,) = await admit_and_claim(queue)
    assert (again.id, again.tries) == (first.id, 2)


async def test_a_cancelled_job_frees_its_slot(queue: Queue) -> None:
    await queue.save_all([keyed(0), keyed(1)])
    (running,) = await admit_and_claim(queue)
    assert await queue.cancel(keyed(numbers([running])[0]))
    assert len(await admit_and_claim(queue)) == 1


async def test_a_blocked_job_can_be_cancelled_and_moved(noon_queue: Queue, clock: Clock) -> None:
    for n in range(4):
        await noon_queue.save(keyed(n).runs_at(NOON + timedelta(seconds=n)))
    clock.at += timedelta(minutes=1)
    (running,) = await admit_and_claim(noon_queue)
    assert await noon_queue.cancel(keyed(1))
    assert await noon_queue.reschedule(keyed(2), NOON + timedelta(hours=1))
    await noon_queue.save(keyed(3).runs_in(minutes=5))
    await finish(noon_queue, running)
    (third,) = await admit_and_claim(noon_queue)
    await finish(noon_queue, third)
    assert await admit_and_claim(noon_queue) == []
    clock.at = NOON + timedelta(hours=1)
    assert numbers([third, *await admit_and_claim(noon_queue)]) == [3, 2]


async def test_an_admitted_job_that_is_moved_to_later_frees_its_slot(noon_queue: Queue, db: Database) -> None:
    await noon_queue.save_all([keyed(0), keyed(1)])
    async with db.connection() as connection:
        await admit(connection, 0, NOON)
    (admitted,) = await db.fetch("SELECT (arguments->>'n')::int AS n FROM job WHERE slot IS NOT NULL")
    await noon_queue.reschedule(keyed(admitted["n"]), NOON + timedelta(hours=1))
    assert numbers(await admit_and_claim(noon_queue)) == [1 - admitted["n"]]


async def test_the_key_is_no_part_of_a_jobs_identity(queue: Queue) -> None:
    await queue.save(plain(1))
    await queue.save(keyed(1).runs_at(NOON))
    (queued,) = await queue.queued()
    assert queued.job.concurrency_key == "slow"
    await queue.save(keyed(1, "another").runs_at(NOON - timedelta(hours=1)))
    (queued,) = await queue.queued()
    assert queued.job.concurrency_key == "slow"
    assert await queue.cancel(plain(1))


async def test_a_job_saved_with_a_row_has_its_key(queue: Queue) -> None:
    statement = (
        "INSERT INTO job_dead SELECT 1, 0, 'x', '{}', NULL, $1, 1, 1, 1, NULL, $1 RETURNING 'a' AS job_key"
    )
    await queue.save_with(statement, {"a": keyed(1, limit=3)}, NOON)
    (queued,) = await queue.queued()
    assert (queued.job.concurrency_key, queued.job.concurrency_limit) == ("slow", 3)


async def test_a_job_saved_while_it_runs_keeps_its_key(queue: Queue) -> None:
    await queue.save(keyed(0))
    (running,) = await admit_and_claim(queue)
    await queue.save_all([keyed(0), keyed(1)])
    assert await admit_and_claim(queue) == []
    await finish(queue, running)
    assert len(await admit_and_claim(queue)) == 1


async def test_a_dead_job_frees_its_slot_and_comes_back_with_its_key(queue: Queue) -> None:
    await queue.save_all([keyed(0, max_retries=0), keyed(1)])

    async def fail(job: ClaimedJob) -> None:
        if job.arguments["n"] == 0:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await drain(queue, {"note": fail})
    await drain(queue, {"note": fail})
    (dead,) = await queue.dead()
    assert dead.job.concurrency_key == "slow"
    assert await queue.revive(dead.id)
    (queued,) = await queue.queued()
    assert (queued.job.concurrency_key, queued.job.concurrency_limit) == ("slow", 1)


async def test_a_limit_that_was_lowered_counts_from_the_next_start(queue: Queue) -> None:
    await queue.save_all([keyed(n, limit=3) for n in range(3)])
    running = await admit_and_claim(queue)
    await queue.save_all([keyed(n, limit=1) for n in range(3, 6)])
    await finish(queue, *running[:2])
    assert len(await admit_and_claim(queue)) <= 1
    assert await queue.database.fetchval("SELECT count(*) FROM job WHERE slot IS NOT NULL") <= 2


async def test_drain_runs_all_jobs_of_a_key_one_after_the_other(queue: Queue, note: Recorder) -> None:
    await queue.save_all([keyed(n) for n in range(5)] + [plain(5)])
    settled = await drain(queue, {"note": note})
    assert [settlement.outcome for settlement in settled] == [Outcome.DONE] * 6
    assert sorted(note.ran) == list(range(6))


async def test_get_one_ripe_job_passes_over_a_key_whose_jobs_run_elsewhere(queue: Queue) -> None:
    await queue.save_all([keyed(0), keyed(1)])
    (running,) = await admit_and_claim(queue)
    await queue.save(plain(5))
    popped = await queue.get_one_ripe_job()
    assert popped is not None
    assert popped.arguments == {"n": 5}
    assert await queue.get_one_ripe_job() is None
    await finish(queue, running)
    popped = await queue.get_one_ripe_job()
    assert popped is not None
    assert popped.concurrency_key == "slow"


async def test_blocked_jobs_are_counted_apart_and_listed_in_their_lane(queue: Queue) -> None:
    await queue.save_all([keyed(n, lane=3) for n in range(3)])
    async with queue.database.connection() as connection:
        await admit(connection, 3, queue.now())
    (lane,) = await queue.stats()
    assert (lane.lane, lane.ready, lane.blocked, lane.future) == (3, 1, 2, 0)
    assert {queued.job.lane for queued in await queue.queued()} == {3}


async def test_two_processes_that_admit_at_once_never_exceed_a_limit(queue: Queue, dsn: str) -> None:
    await queue.save_all([keyed(n, f"key {n % 3}", limit=2) for n in range(60)])
    running: dict[str, int] = {}

    async def work(own: Queue) -> None:
        for _ in range(20):
            claimed = await admit_and_claim(own, limit=3)
            for job in claimed:
                key = job.concurrency_key or ""
                running[key] = running.get(key, 0) + 1
                assert running[key] <= 2
            await asyncio.sleep(0)
            for job in claimed:
                running[job.concurrency_key or ""] -= 1
            await finish(own, *claimed)

    async with other_process(dsn) as other, asyncio.TaskGroup() as group:
        for own in (queue, queue, other, other):
            group.create_task(work(own))
    assert await queue.queued() == []


async def test_no_two_jobs_of_a_key_can_have_the_same_slot(queue: Queue) -> None:
    await queue.save_all([keyed(0), keyed(1)])
    with pytest.raises(Exception, match="job_slot"):
        await queue.database.execute("UPDATE job SET slot = 1")


async def test_a_worker_runs_other_keys_beside_a_full_one(queue: Queue, note: Recorder) -> None:
    blocker = Blocker()
    await queue.save_all(
        [Job(job_type="hang", arguments={"n": n}, concurrency_key="slow") for n in range(100)]
    )
    async with working(queue, {"hang": blocker, "note": note}, NO_SWEEPS, concurrency=2):
        await blocker.reached(1)
        await queue.save_all([plain(1), keyed(2, "other")])
        await note.reached(2)
        assert len(blocker.ran) == 1
        blocker.release()
        await blocker.reached(100)


async def test_a_freed_slot_wakes_a_worker_of_another_process(queue: Queue, note: Recorder, dsn: str) -> None:
    """The first worker has no place for the next job of the key, and nobody sweeps."""
    blocker, busy = Blocker(), Blocker()
    handlers = {"hang": blocker, "note": note, "busy": busy}
    async with working(queue, handlers, NO_SWEEPS, concurrency=2):
        await queue.save(Job(job_type="hang", concurrency_key="slow"))
        await blocker.reached(1)
        await queue.save(keyed(1))
        await queue.save(Job(job_type="busy", arguments={"n": 0}))
        await busy.reached(1)
        async with other_process(dsn) as other, working(other, handlers, NO_SWEEPS):

            async def is_blocked() -> bool:
                return (await queue.stats())[0].blocked == 1

            await until(is_blocked)
            await queue.save(Job(job_type="busy", arguments={"n": 1}))
            await busy.reached(2)
            blocker.release()
            await note.reached(1)
            busy.release()


async def test_cancelling_a_running_job_starts_the_next_one_of_its_key(queue: Queue, note: Recorder) -> None:
    blocker = Blocker()
    running = Job(job_type="hang", concurrency_key="slow")
    async with working(queue, {"hang": blocker, "note": note}, NO_SWEEPS):
        await queue.save(running)
        await blocker.reached(1)
        await queue.save(keyed(1))

        async def is_blocked() -> bool:
            return (await queue.stats())[0].blocked == 1

        await until(is_blocked)
        await queue.cancel(running)
        await note.reached(1)
        blocker.release()


async def test_a_sweep_hands_on_a_slot_that_a_dead_process_did_not(queue: Queue, note: Recorder) -> None:
    await queue.save_all([keyed(0), keyed(1)])
    (claimed,) = await admit_and_claim(queue)
    await finish(queue, claimed)  # and here its process ends
    async with working(queue, {"note": note}, QUICK):
        await note.reached(1)


async def test_an_old_release_may_run_a_job_without_a_slot(queue: Queue, note: Recorder) -> None:
    """It claims whatever is ripe in the lane. Later, only an expired lease gives its job to us."""
    await queue.save(keyed(0))
    await queue.database.execute(
        "UPDATE job SET leased_until = now() - interval '1 second', tries = 1, fence = 7"
    )
    async with working(queue, {"note": note}, QUICK):
        await note.reached(1)


async def test_a_user_transaction_on_blocked_jobs_stalls_no_other_job_of_the_key(
    queue: Queue, note: Recorder, dsn: str
) -> None:
    for n in range(3):
        await queue.save(keyed(n).runs_at(NOON + timedelta(seconds=n)))
    (running,) = await admit_and_claim(queue)
    async with other_process(dsn) as other, other.database.transaction():
        await other.save(keyed(1).runs_at(NOON - timedelta(hours=1)))  # holds the lock of its row
        await finish(queue, running)
        assert numbers(await admit_and_claim(queue)) == [2]


async def test_neither_a_claim_nor_an_admission_reads_past_blocked_jobs(queue: Queue) -> None:
    await queue.database.execute(
        "INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes,"
        " concurrency_key, concurrency_limit)"
        " SELECT 0, 'note', jsonb_build_object('n', n), $1, 13, 5, 'slow', 2 FROM generate_series(1, 3000) n",
        NOON,
    )
    assert len(await admit_and_claim(queue)) == 2
    await queue.save_all([keyed(n, f"key {n}") for n in range(20_000, 20_010)])
    await queue.database.execute("VACUUM ANALYZE job")
    async with queue.database.connection() as connection:
        before = await _pages_read(connection)
        await admit(connection, 0, queue.now(), ["slow"])
        result: ClaimResult = await claim(connection, 0, queue.now(), 20)
        after = await _pages_read(connection)
    assert len(result.jobs) == 10
    assert after - before < 1_000


async def _pages_read(connection: Any) -> int:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    pages: int = await connection.fetchval(
        "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit"
        " FROM pg_statio_user_tables WHERE relname = 'job'"
    )
    return pages
