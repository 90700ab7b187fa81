"""The calls of an application to the queue, and the statements of a worker against it."""

import asyncio
import re
from datetime import datetime, timedelta

import asyncpg
import pytest

from jobq import ClaimedJob, Database, Job, Queue
from jobq.claims import claim, settle
from jobq.settlement import Outcome, Settlement
from jobq.sql import SAVE, SAVE_ALL, SAVE_WITH
from jobq.testing import drain
from tests.jobq.working import NOON, Clock, expire_leases, list_rows, load_only_row

HOUR = timedelta(hours=1)
JOB = Job(job_type="remind", arguments={"id": 7})


@pytest.fixture
def queue(noon_queue: Queue) -> Queue:
    return noon_queue


async def load_due_at(queue: Queue) -> datetime:
    due_at: datetime = (await load_only_row(queue.database))["due_at"]
    return due_at


async def claim_only_job(queue: Queue) -> ClaimedJob:
    async with queue.database.connection() as connection:
        (job,) = (await claim(connection, 0, queue.now(), 10)).jobs
        return job


async def settle_jobs(queue: Queue, *settlements: Settlement) -> tuple[set[int], set[int]]:
    async with queue.database.connection() as connection:
        settled = await settle(connection, settlements, queue.now())
        return settled.written, settled.lost


async def test_the_same_job_is_queued_once(queue: Queue) -> None:
    await queue.save(Job(job_type="remind", arguments={"id": 7, "why": "x"}))
    await queue.save(Job(job_type="remind", arguments={"why": "x", "id": 7}))
    assert len(await list_rows(queue.database)) == 1


async def test_a_different_type_or_different_arguments_make_a_different_job(queue: Queue) -> None:
    await queue.save(JOB)
    await queue.save(Job(job_type="remind", arguments={"id": 8}))
    await queue.save(Job(job_type="strike", arguments={"id": 7}))
    assert len(await list_rows(queue.database)) == 3


async def test_an_earlier_save_moves_a_waiting_job_forward(queue: Queue, clock: Clock) -> None:
    await queue.save(JOB.runs_in(hours=3))
    await queue.save(JOB.runs_in(hours=1))
    assert await load_due_at(queue) == NOON + HOUR
    clock.at += HOUR / 2
    await queue.save(JOB)
    assert await load_due_at(queue) == clock.at, "it counts as late since its first save"


async def test_a_later_save_changes_nothing(queue: Queue) -> None:
    await queue.save(JOB.runs_in(hours=1))
    await queue.save(JOB.runs_in(hours=2))
    assert await load_due_at(queue) == NOON + HOUR


async def test_save_all_treats_each_job_as_save_does(queue: Queue) -> None:
    await queue.save(Job(job_type="remind", arguments={"id": 1}).runs_in(hours=1))
    await queue.save_all(
        [
            Job(job_type="remind", arguments={"id": 1}),
            JOB.runs_in(hours=2),
            JOB.runs_in(hours=1),
            Job(job_type="remind", arguments={"id": 9, "b": 1}),
            Job(job_type="remind", arguments={"b": 1, "id": 9}),
        ]
    )
    due = {row["arguments"]: row["due_at"] for row in await list_rows(queue.database)}
    assert due == {'{"id": 1}': NOON, '{"id": 7}': NOON + HOUR, '{"b": 1, "id": 9}': NOON}


async def test_saving_an_empty_list_does_nothing(queue: Queue) -> None:
    await queue.save_all([])
    assert await list_rows(queue.database) == []


async def test_tasks_that_save_the_same_jobs_at_once_do_not_deadlock(queue: Queue) -> None:
    jobs = [Job(job_type="remind", arguments={"id": n}) for n in range(50)]

    async def save_in_another_order(shift: int) -> None:
        await queue.save_all(jobs[shift:] + jobs[:shift])
        await queue.save(jobs[shift])

    await asyncio.gather(*(save_in_another_order(shift) for shift in range(0, 50, 5)))
    assert len(await list_rows(queue.database)) == 50


async def test_arguments_that_jsonb_cannot_hold_are_refused(queue: Queue) -> None:
    with pytest.raises(asyncpg.UntranslatableCharacterError):
        await queue.save(Job(job_type="remind", arguments={"text": "\x00"}))


async def test_a_save_is_undone_with_its_transaction(queue: Queue) -> None:
    async def save_and_fail() -> None:
        async with queue.database.transaction():
            await queue.save(JOB)
            raise KeyError

    with pytest.raises(KeyError):
        await save_and_fail()
    assert await list_rows(queue.database) == []


async def test_a_job_saved_while_it_runs_runs_once_more(queue: Queue) -> None:
    ran: list[int] = []

    async def remind(job: ClaimedJob) -> None:
        ran.append(job.tries)
        if len(ran) == 1:
            await queue.save(JOB)

    await queue.save(JOB)
    await drain(queue, {"remind": remind})
    assert ran == [1, 1]
    assert await list_rows(queue.database) == []


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_a_job_saved_while_it_ran_is_queued_anew_after_any_outcome(
    queue: Queue, outcome: Outcome
) -> None:
    await queue.save(JOB)
    job = await claim_only_job(queue)
    await queue.save(JOB.runs_in(minutes=2))
    await queue.save(JOB.runs_in(minutes=1))
    await queue.save(JOB.runs_in(minutes=3))

    assert await settle_jobs(queue, Settlement(job, outcome, NOON + HOUR, tries=5)) == ({job.id}, set())

    row = await load_only_row(queue.database)
    assert (row["due_at"], row["tries"], row["again_at"]) == (NOON + HOUR / 60, 0, None)
    assert row["leased_until"] is None


async def test_a_postponement_that_is_earlier_than_the_save_during_the_run_wins(queue: Queue) -> None:
    await queue.save(JOB)
    job = await claim_only_job(queue)
    await queue.save(JOB.runs_in(hours=2))
    await settle_jobs(queue, Settlement(job, Outcome.POSTPONED, NOON + HOUR))
    assert await load_due_at(queue) == NOON + HOUR


async def test_a_stale_fence_never_changes_a_row(queue: Queue) -> None:
    await queue.save(JOB)
    stale = await claim_only_job(queue)
    await expire_leases(queue.database)
    fresh = await claim_only_job(queue)
    before = await list_rows(queue.database)

    for outcome in Outcome:
        assert await settle_jobs(queue, Settlement(stale, outcome, NOON + HOUR)) == (set(), {stale.id})

    assert await list_rows(queue.database) == before
    assert fresh.fence != stale.fence
    assert fresh.tries == 2
    assert fresh.last_error is not None
    assert fresh.last_error.startswith("lease expired")


async def test_a_settlement_that_is_written_twice_counts_once(queue: Queue) -> None:
    await queue.save(JOB)
    job = await claim_only_job(queue)
    postponed = Settlement(job, Outcome.POSTPONED, NOON + HOUR)
    await settle_jobs(queue, postponed)
    await queue.save(JOB)
    assert await settle_jobs(queue, postponed) == (set(), {job.id})
    assert await load_due_at(queue) == NOON


async def test_a_leased_job_cannot_be_claimed_or_taken(queue: Queue) -> None:
    await queue.save(JOB)
    await claim_only_job(queue)
    async with queue.database.connection() as connection:
        assert (await claim(connection, 0, NOON + HOUR, 10)).jobs == []
    assert await queue.get_one_ripe_job() is None


async def test_concurrent_claims_take_every_job_exactly_once(queue: Queue) -> None:
    await queue.save_all([Job(job_type="remind", arguments={"id": n}) for n in range(100)])

    async def claim_some() -> list[int]:
        mine: list[int] = []
        async with queue.database.connection() as connection:
            while jobs := (await claim(connection, 0, NOON, 7)).jobs:
                mine += [job.id for job in jobs]
        return mine

    claimed = [job_id for ids in await asyncio.gather(*(claim_some() for _ in range(5))) for job_id in ids]
    assert len(claimed) == 100
    assert len(set(claimed)) == 100


async def test_a_claim_returns_when_the_next_job_ripens(queue: Queue) -> None:
    await queue.save(JOB.runs_in(hours=1))
    async with queue.database.connection() as connection:
        result = await claim(connection, 0, NOON, 10)
    assert result.jobs == []
    assert result.next_due_at == NOON + HOUR


async def test_cancel_deletes_a_waiting_or_running_job_and_returns_whether_it_did(queue: Queue) -> None:
    assert await queue.cancel(JOB) is False
    await queue.save(JOB)
    assert await queue.cancel(JOB) is True

    await queue.save(JOB)
    job = await claim_only_job(queue)
    assert await queue.cancel(JOB) is True
    await queue.save(JOB)
    assert await settle_jobs(queue, Settlement(job, Outcome.DONE)) == (set(), {job.id})
    assert len(await list_rows(queue.database)) == 1


async def test_reschedule_sets_the_exact_time_and_resets_the_tries(queue: Queue) -> None:
    assert await queue.reschedule(JOB, NOON) is False
    await queue.save(JOB)
    await queue.database.execute("UPDATE job SET tries = 4")
    assert await queue.reschedule(JOB, NOON + HOUR) is True
    row = await load_only_row(queue.database)
    assert (row["due_at"], row["tries"]) == (NOON + HOUR, 0)


async def test_reschedule_of_a_running_job_sets_when_it_runs_again(queue: Queue) -> None:
    await queue.save(JOB)
    job = await claim_only_job(queue)
    await queue.save(JOB)
    await queue.reschedule(JOB, NOON + HOUR)
    await settle_jobs(queue, Settlement(job, Outcome.DONE))
    assert await load_due_at(queue) == NOON + HOUR


async def test_get_one_ripe_job_deletes_and_returns_the_ripest_of_every_lane(queue: Queue) -> None:
    await queue.save(Job(job_type="second", lane=0))
    await queue.save(Job(job_type="first", lane=3, arguments={"id": 1}).runs_at(NOON - HOUR))
    await queue.save(Job(job_type="future", lane=1).runs_in(hours=1))
    first = await queue.get_one_ripe_job()
    assert first == Job(job_type="first", lane=3, arguments={"id": 1}).runs_at(NOON - HOUR)
    second = await queue.get_one_ripe_job()
    assert second is not None
    assert second.job_type == "second"
    assert await queue.get_one_ripe_job() is None
    assert len(await list_rows(queue.database)) == 1


async def test_get_one_ripe_job_leaves_the_job_in_the_queue_if_its_transaction_fails(queue: Queue) -> None:
    await queue.save(JOB)

    async def take_and_fail() -> None:
        async with queue.database.transaction():
            assert await queue.get_one_ripe_job() is not None
            assert await asyncio.create_task(queue.get_one_ripe_job()) is None
            raise KeyError

    with pytest.raises(KeyError):
        await take_and_fail()
    assert await queue.get_one_ripe_job() == JOB


async def test_stats_count_each_lane(queue: Queue, clock: Clock) -> None:
    await queue.save(JOB)
    await claim_only_job(queue)
    await queue.save(Job(job_type="ready"))
    await queue.save(Job(job_type="future", lane=1).runs_in(hours=2))
    clock.at += HOUR
    facts, calls = await queue.stats()
    assert (facts.lane, facts.ready, facts.future, facts.leased, facts.dead) == (0, 1, 0, 1, 0)
    assert facts.oldest_ripe_age == HOUR
    assert (calls.lane, calls.ready, calls.future, calls.oldest_ripe_age) == (1, 0, 1, None)


async def test_a_job_whose_retries_all_failed_is_kept_as_dead_and_can_be_revived(
    queue: Queue, clock: Clock
) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("no such channel")

    await queue.save(Job(job_type="fail", arguments={"id": 7}, max_retries=2, base_retry_minutes=5))
    for minutes in (5, 20, 0):
        with pytest.raises(ValueError, match="no such channel"):
            await drain(queue, {"fail": fail})
        clock.at += timedelta(minutes=minutes)

    assert await list_rows(queue.database) == []
    (dead,) = await queue.dead()
    assert (dead.job.job_type, dead.job.arguments, dead.tries) == ("fail", {"id": 7}, 3)
    assert dead.last_error is not None
    assert dead.last_error.startswith("ValueError: no such channel")
    assert (dead.created_at, dead.died_at) == (NOON, clock.at)
    assert [lane.dead for lane in await queue.stats()] == [1]

    assert await queue.revive(dead.id) is True
    assert await queue.revive(dead.id) is False
    row = await load_only_row(queue.database)
    assert (row["due_at"], row["tries"], row["max_retries"]) == (clock.at, 0, 2)
    assert await queue.dead() == []


async def test_the_same_job_can_be_saved_again_while_a_dead_one_is_kept(queue: Queue) -> None:
    await queue.save(JOB)
    await settle_jobs(queue, Settlement(await claim_only_job(queue), Outcome.DEAD, tries=14))
    await queue.save(JOB)
    (dead,) = await queue.dead()
    assert await queue.revive(dead.id) is True
    assert len(await list_rows(queue.database)) == 1


async def test_a_locked_row_is_neither_settled_nor_lost_and_does_not_hold_up_others(
    queue: Queue, db: Database
) -> None:
    await queue.save_all([Job(job_type="remind", arguments={"id": n}) for n in range(3)])
    async with db.connection() as connection:
        jobs = (await claim(connection, 0, NOON, 10)).jobs
    async with db.transaction() as stuck:
        await stuck.execute("SELECT FROM job WHERE id = $1 FOR UPDATE", jobs[0].id)
        done = [Settlement(job, Outcome.DONE) for job in jobs]
        written, lost = await asyncio.create_task(settle_jobs(queue, *done))
    assert written == {jobs[1].id, jobs[2].id}
    assert lost == set()
    assert await settle_jobs(queue, done[0]) == ({jobs[0].id}, set())


NAMES = "INSERT INTO name SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING name, name AS job_key"


async def save_names(queue: Queue, *names: str) -> list[str]:
    jobs = {name: Job(job_type="greet", arguments={"name": name}) for name in names}
    return [row["name"] for row in await queue.save_with(NAMES, jobs, list(names))]


async def test_rows_and_their_jobs_are_saved_with_one_statement(queue: Queue) -> None:
    await queue.database.execute("CREATE TABLE name (name text PRIMARY KEY)")
    await queue.save(Job(job_type="greet", arguments={"name": "cho"}).runs_in(hours=1))
    assert await save_names(queue, "ana", "ben") == ["ana", "ben"]
    assert await save_names(queue, "ana", "cho") == ["cho"]
    due = {row["arguments"]: row["due_at"] for row in await list_rows(queue.database)}
    assert due == {f'{{"name": "{name}"}}': NOON for name in ("ana", "ben", "cho")}


async def test_jobs_that_are_saved_with_rows_keep_their_concurrency_keys(queue: Queue) -> None:
    job = JOB.model_copy(update={"concurrency_key": "slack", "concurrency_limit": 3})
    await queue.save_with("SELECT 'a' AS job_key, $1::int AS more", {"a": job}, 1)
    (row,) = await list_rows(queue.database)
    assert (row["concurrency_key"], row["concurrency_limit"]) == ("slack", 3)


async def test_a_row_without_a_key_has_no_job(queue: Queue) -> None:
    rows = await queue.save_with("SELECT NULL AS job_key, $1 + 1 AS more", {"a": JOB}, 1)
    assert [row["more"] for row in rows] == [2]
    assert await list_rows(queue.database) == []


def test_every_statement_that_saves_treats_a_job_that_is_queued_alike() -> None:
    conflict = re.compile(r"ON CONFLICT .*?coalesce\(job.ripe_at, job.created_at\)", re.DOTALL)
    clauses = {re.sub(r"\s+", " ", conflict.findall(each)[0]) for each in (SAVE, SAVE_ALL, SAVE_WITH)}
    assert len(clauses) == 1
