"""jobq with its defaults: durable commits and unique jobs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bench.subjects.model import Body
from bot.migrations import migrate
from jobq import ClaimedJob, Database, Job, Queue, Worker

PREFETCH = 580
"""With 20 running jobs this makes 600 claimed ones, 300 of them per claim."""


class JobqEnqueuer:
    """Saves jobs of one type with a number as their argument."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def save(self, number: int) -> None:
        """Save one job, as a webhook does."""
        await self._queue.save(Job(job_type="bench", arguments={"n": number}))

    async def save_all(self, numbers: Sequence[int], days_ahead: int = 0) -> None:
        """Save many jobs, as a backfill does."""
        jobs = (Job(job_type="bench", arguments={"n": n}) for n in numbers)
        if days_ahead:
            jobs = (job.runs_in(hours=24 * days_ahead) for job in jobs)
        await self._queue.save_all(jobs)


class Jobq:
    """See `Subject`."""

    name = "jobq"
    unfinished = "SELECT EXISTS (SELECT FROM job WHERE lane = 0 AND coalesce(ripe_at, created_at) <= now())"

    async def install(self, dsn: str) -> None:
        """Run all migrations of the bot, the first of which creates the queue's tables."""
        await migrate(dsn)

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[JobqEnqueuer]:
        """Save over the pool of a Database."""
        async with Database(dsn, command_timeout=60) as database:
            yield JobqEnqueuer(Queue(database))

    async def work(self, dsn: str, body: Body, stop: asyncio.Event) -> None:
        """Run one worker until `stop` is set."""

        async def handle(job: ClaimedJob) -> None:
            if (waiting := body(job.arguments["n"])) is not None:
                await waiting

        async with Database(dsn) as database, asyncio.TaskGroup() as group:
            worker = Worker(Queue(database), {"bench": handle}, prefetch=PREFETCH)
            group.create_task(worker.run())
            await stop.wait()
            await worker.stop()


SUBJECT = Jobq()
