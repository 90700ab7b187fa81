"""`drain`: a queue inside a test."""

from datetime import UTC, datetime, timedelta

import pytest

from jobq import ClaimedJob, Database, Discard, Job, Outcome, Postpone, Queue
from jobq.testing import drain

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def test_drain_runs_what_is_ripe_in_order_and_says_what_became_of_it(db: Database) -> None:
    queue = Queue(db, now=lambda: NOON)
    ran: list[int] = []

    async def note(job: ClaimedJob) -> None:
        ran.append(job.arguments["n"])

    await queue.save(Job(job_type="note", arguments={"n": 2}, lane=1))
    await queue.save(Job(job_type="note", arguments={"n": 1}).runs_at(NOON - timedelta(hours=1)))
    await queue.save(Job(job_type="note", arguments={"n": 3}).runs_in(minutes=1))

    outcomes = [settlement.outcome for settlement in await drain(queue, {"note": note})]

    assert ran == [1, 2]
    assert outcomes == [Outcome.DONE, Outcome.DONE]


async def test_drain_raises_what_a_handler_raised_once_its_job_is_settled(db: Database) -> None:
    queue = Queue(db, now=lambda: NOON)

    async def fail(job: ClaimedJob) -> None:
        raise KeyError("missing")

    await queue.save(Job(job_type="fail"))
    with pytest.raises(KeyError):
        await drain(queue, {"fail": fail})

    row = await db.fetchrow("SELECT tries, ripe_at, leased_until FROM job")
    assert tuple(row) == (1, NOON + timedelta(minutes=5), None)


async def test_drain_does_not_raise_a_postponement_or_a_discard(db: Database) -> None:
    queue = Queue(db, now=lambda: NOON)

    async def later(job: ClaimedJob) -> None:
        raise Postpone(NOON + timedelta(hours=1))

    async def gone(job: ClaimedJob) -> Discard:
        return Discard("the pull request is closed")

    await queue.save_all([Job(job_type="later"), Job(job_type="gone")])
    settlements = {one.job.job_type: one for one in await drain(queue, {"later": later, "gone": gone})}

    assert settlements["later"].ripe_at == NOON + timedelta(hours=1)
    assert settlements["gone"].reason == "the pull request is closed"


async def test_drain_gives_up_on_jobs_that_queue_each_other_for_ever(db: Database) -> None:
    queue = Queue(db, now=lambda: NOON)

    async def again(job: ClaimedJob) -> None:
        await queue.save(Job(job_type="again", arguments={"n": job.arguments["n"] + 1}))

    await queue.save(Job(job_type="again", arguments={"n": 0}))
    with pytest.raises(RuntimeError, match="1000 jobs"):
        await drain(queue, {"again": again})


async def test_drain_works_where_everything_is_rolled_back(db: Database) -> None:
    queue = Queue(db, now=lambda: NOON)

    async def chain(job: ClaimedJob) -> None:
        async with db.transaction():
            if job.arguments["n"] < 3:
                await queue.save(Job(job_type="chain", arguments={"n": job.arguments["n"] + 1}))

    async with db.rolled_back():
        await queue.save(Job(job_type="chain", arguments={"n": 1}))
        assert len(await drain(queue, {"chain": chain})) == 3
        await queue.save(Job(job_type="chain", arguments={"n": 9}))

    assert await db.fetchval("SELECT count(*) FROM job") == 0
