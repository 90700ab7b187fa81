"""A worker that stood still may find its own lapsed job first, while it still runs the old try."""

import asyncio

from jobq import ClaimedJob, Database, Job, Queue, Timing
from tests.jobq.working import Log, working


async def test_the_end_of_an_old_try_does_not_cancel_the_new_one_of_the_same_worker(
    queue: Queue, db: Database, note: Log
) -> None:
    begun = [asyncio.Event(), asyncio.Event()]
    may_end = [asyncio.Event(), asyncio.Event()]
    cancelled: list[int] = []

    async def wait(job: ClaimedJob) -> None:
        begun[job.tries - 1].set()
        try:
            await may_end[job.tries - 1].wait()
        except asyncio.CancelledError:
            cancelled.append(job.tries)
            raise

    await queue.save(Job(job_type="wait"))
    async with working(queue, {"wait": wait, "note": note}, Timing(sweep_every=0.1)):
        async with asyncio.timeout(5):
            await begun[0].wait()
            # As after a pause of the whole machine: the lease is over, and nobody else was there to take it.
            await db.execute("UPDATE job SET leased_until = now() - interval '1 second'")
            await begun[1].wait()
            may_end[0].set()
            # Written in order: when this one is gone the old try's end has been dealt with.
            await queue.save(Job(job_type="note"))
            while await db.fetchval("SELECT count(*) FROM job WHERE job_type = 'note'"):
                pass
            may_end[1].set()
            while 2 not in cancelled and await queue.stats():
                pass
    assert 2 not in cancelled
    assert await queue.stats() == []
