"""Running the jobs of a queue inside a test, without a worker, a wait or a sleep."""

import asyncio
from collections.abc import Mapping

from jobq.claims import claim_one, settle
from jobq.execution import run_handler
from jobq.job import ClaimedJob, Discard, Handler, Postpone
from jobq.queue import Queue
from jobq.settlement import Settlement

MAX_JOBS = 1_000


async def drain(queue: Queue, handlers: Mapping[str, Handler]) -> list[Settlement]:
    """Run the ripe jobs of all lanes one by one until none is left. Returns their settlements in order.

    If a handler raises, its job is settled and the error is raised here; a raised Postpone or Discard is not
    an error. Raises RuntimeError after 1,000 jobs, which probably queue each other.
    """
    settlements: list[Settlement] = []
    while (job := await _claim(queue)) is not None:
        if len(settlements) == MAX_JOBS:
            raise RuntimeError(f"still not drained after {MAX_JOBS} jobs; the next one is {job.job_type!r}")
        settlements.append(await _run(queue, handlers, job))
    return settlements


async def _claim(queue: Queue) -> ClaimedJob | None:
    async with queue.database.connection() as connection:
        return await claim_one(connection, queue.now())


async def _run(queue: Queue, handlers: Mapping[str, Handler], job: ClaimedJob) -> Settlement:
    with queue.database.ambient():
        # A task of its own, as in the worker: the handler must not be inside a transaction of the test.
        settlement, error = await asyncio.create_task(run_handler(job, handlers, queue.now))
    async with queue.database.connection() as connection:
        await settle(connection, [settlement], queue.now())
    if error is not None and not isinstance(error, Postpone | Discard):
        raise error
    return settlement
