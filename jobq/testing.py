"""Running a queue inside a test, without a worker, a wait or a sleep."""

import asyncio
from collections.abc import Mapping

from jobq.attempt import attempt
from jobq.claims import claim_one, settle
from jobq.job import ClaimedJob, Discard, Handler, Postpone
from jobq.queue import Queue
from jobq.settlement import Settlement

MOST_JOBS = 1_000


async def drain(queue: Queue, handlers: Mapping[str, Handler]) -> list[Settlement]:
    """Run what is ripe, of all lanes and one by one, until nothing is. Returns what became of each, in order.

    A handler's error is raised here once its job has been settled (a raised Postpone or Discard is no error).
    Raises RuntimeError after 1,000 jobs: they keep queueing each other.
    """
    settlements: list[Settlement] = []
    while (job := await _claim(queue)) is not None:
        if len(settlements) == MOST_JOBS:
            raise RuntimeError(f"still not drained after {MOST_JOBS} jobs; the next one is {job.job_type!r}")
        settlements.append(await _run(queue, handlers, job))
    return settlements


async def _claim(queue: Queue) -> ClaimedJob | None:
    async with queue.database.connection() as connection:
        return await claim_one(connection, queue.now())


async def _run(queue: Queue, handlers: Mapping[str, Handler], job: ClaimedJob) -> Settlement:
    with queue.database.ambient():
        # A task of its own, as in the worker: whatever transaction the test is in is not the handler's.
        settlement, error = await asyncio.create_task(attempt(job, handlers, queue.now))
    async with queue.database.connection() as connection:
        await settle(connection, [settlement], queue.now())
    if error is not None and not isinstance(error, Postpone | Discard):
        raise error
    return settlement
