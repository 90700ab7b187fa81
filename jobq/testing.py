"""Running the jobs of a queue inside a test, without a worker, a wait or a sleep."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from jobq.claims import claim_one, settle
from jobq.execution import run_batch, run_handler
from jobq.job import ClaimedJob, Discard, Handler, Postpone, find_batches
from jobq.line import may_share
from jobq.queue import Queue
from jobq.settlement import Settlement, give_back

T = TypeVar("T")
MAX_JOBS = 1_000

NEXT_TYPE = """
    SELECT job_type
    FROM job
    WHERE coalesce(ripe_at, created_at) <= $1
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ORDER BY coalesce(ripe_at, created_at), id
    LIMIT 1
"""


async def drain(queue: Queue, handlers: Mapping[str, Handler]) -> list[Settlement]:
    """Run the ripe jobs of all lanes one by one until none is left. Returns their settlements in order.

    Ripe jobs of one type that follow each other run in batches, if their handler takes batches. If a handler
    raises, its job is settled and the error is raised here; a raised Postpone or Discard is not an error.
    If a batch raises, its jobs run one by one before. Raises RuntimeError after 1,000 jobs, which probably
    queue each other.
    """
    return await _Drain(queue, handlers).run()


class _Drain:
    def __init__(self, queue: Queue, handlers: Mapping[str, Handler]) -> None:
        self._queue = queue
        self._handlers = handlers
        self._settlements: list[Settlement] = []
        self._next: ClaimedJob | None = None

    async def run(self) -> list[Settlement]:
        try:
            while (job := await self._take()) is not None:
                if len(self._settlements) >= MAX_JOBS:
                    raise RuntimeError(
                        f"still not drained after {MAX_JOBS} jobs; the next one is {job.job_type!r}"
                    )
                await self._run_with_others(job)
        finally:
            if self._next is not None:
                await self._write([give_back(self._next)])
        return self._settlements

    async def _take(self) -> ClaimedJob | None:
        if self._next is not None:
            job, self._next = self._next, None
            return job
        async with self._queue.database.connection() as connection:
            return await claim_one(connection, self._queue.now())

    async def _run_with_others(self, job: ClaimedJob) -> None:
        batches = find_batches(self._handlers.get(job.job_type))
        if batches is None or not may_share(job):
            _raise(await self._run_single(job))
            return
        jobs = await self._gather(job, batches.size)
        end = await self._run(run_batch(jobs, batches.batch, self._queue.now))
        await self._settle(end.settlements)
        errors = [end.error] + [await self._run_single(job) for job in end.alone]
        for error in errors:
            _raise(error)

    async def _gather(self, first: ClaimedJob, size: int) -> list[ClaimedJob]:
        """The first job and those behind it that may share its batch."""
        jobs = [first]
        while len(jobs) < size and await self._is_next(first.job_type):
            self._next = await self._take()
            if self._next is None or self._next.job_type != first.job_type or not may_share(self._next):
                break
            jobs.append(self._next)
            self._next = None
        return jobs

    async def _is_next(self, job_type: str) -> bool:
        # Look before the claim: a job that is claimed and waits would run twice if it is saved meanwhile.
        return bool(job_type == await self._queue.database.fetchval(NEXT_TYPE, self._queue.now()))

    async def _run_single(self, job: ClaimedJob) -> Exception | None:
        settlement, error = await self._run(run_handler(job, self._handlers, self._queue.now))
        await self._settle([settlement])
        return error

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        await self._write([settlement for settlement in settlements if not settlement.job.is_finished])
        self._settlements += settlements

    async def _write(self, settlements: Sequence[Settlement]) -> None:
        if settlements:
            async with self._queue.database.connection() as connection:
                await settle(connection, settlements, self._queue.now())

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._queue.database.ambient():
            # A task of its own, as in the worker: the handler must not be inside a transaction of the test.
            return await asyncio.create_task(work)


def _raise(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, Postpone | Discard):
        raise error
