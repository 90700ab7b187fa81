"""A worker that stood still may claim its own job again while it still runs the first try."""

import asyncio

from jobq import ClaimedJob, Database, Job, Queue, Timing
from tests.jobq.working import Recorder, expire_leases, working


async def test_the_end_of_the_first_try_does_not_cancel_the_second_in_the_same_worker(
    queue: Queue, db: Database, note: Recorder
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
            # As after a pause of the whole machine: the lease expired, and there is no other worker.
            await expire_leases(db)
            await begun[1].wait()
            may_end[0].set()
            # Settlements are written in order: when this job is gone, that of the first try has been handled.
            await queue.save(Job(job_type="note"))
            while await db.fetchval("SELECT count(*) FROM job WHERE job_type = 'note'"):
                pass
            may_end[1].set()
            while 2 not in cancelled and await queue.stats():
                pass
    assert 2 not in cancelled
    assert await queue.stats() == []
