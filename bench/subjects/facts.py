"""The bot's worker of facts."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from bench.subjects.jobq import JobqEnqueuer
from bench.subjects.model import Body
from bot.clock import Clock
from bot.flows.catalog import APPLY_FACT, Lane
from bot.jobs.apply_fact import handle_facts
from bot.logs import setup_logs
from bot.migrations import migrate
from jobq import BatchResult, ClaimedJob, Database, Handler, Queue, Worker


class Facts:
    """See `Subject`. Its jobs are not numbered: bench/facts.py stores the deliveries with their jobs."""

    name = "facts"
    unfinished = "SELECT EXISTS (SELECT FROM job WHERE lane = 0 AND coalesce(ripe_at, created_at) <= now())"

    async def install(self, dsn: str) -> None:
        """Run all migrations."""
        await migrate(dsn)

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[JobqEnqueuer]:
        """Of no use here."""
        async with Database(dsn) as database:
            yield JobqEnqueuer(Queue(database))

    async def work(self, dsn: str, body: Body, stop: asyncio.Event) -> None:
        """Run one worker of the lane of facts, as `build_workers` makes it, until `stop` is set.

        It logs as in production. Nobody reads the lines.
        """
        setup_logs("INFO", "json", await asyncio.to_thread(open, os.devnull, "w"))
        async with Database(dsn) as database, asyncio.TaskGroup() as group:
            queue = Queue(database)
            handlers = {APPLY_FACT: self.handle(queue, body)}
            worker = Worker(queue, handlers, concurrency=8, prefetch=200, lane=Lane.FACTS)
            group.create_task(worker.run())
            await stop.wait()
            await worker.stop()

    def handle(self, queue: Queue, body: Body) -> Handler:
        """As production handles facts, and `body` sees each."""
        handler = handle_facts(queue, Clock())

        async def apply(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
            for job in jobs:
                body(job.id)
            return await handler.batch(jobs)

        return replace(handler, batch=apply)


SUBJECT = Facts()
