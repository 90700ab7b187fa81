"""A worker process for torture tests: `python -m tests.jobq.torture.worker OPTIONS`.

It records each run in the table `ran`, and prints what it does.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from pydantic import BaseModel

from jobq import ClaimedJob, Database, Queue, Timing, Worker, current_database, utc_now
from jobq.db import SESSION_SETTINGS

NOTE = """
INSERT INTO ran (job_id, n, pid, fence, tries) VALUES ($1, $2, $3, $4, $5)
RETURNING NOT EXISTS (SELECT FROM ran WHERE job_id = $1)
"""


class Options(BaseModel):
    """Settings of a worker process."""

    dsn: str
    name: str
    """The `application_name` of its sessions, so that the record names it."""
    concurrency: int = 20
    prefetch: int = 0
    ahead: timedelta = timedelta(0)
    """How far its clock is ahead."""
    timing: Timing = Timing()
    grace: float = 8.0


def say(*fields: object) -> None:
    """Print the fields as one line."""
    sys.stdout.write(" ".join(map(str, fields)) + "\n")
    sys.stdout.flush()


def open_database(dsn: str, name: str) -> Database:
    """A database with this `application_name`."""
    return Database(dsn, session={**SESSION_SETTINGS, "application_name": name})


async def begin(job: ClaimedJob) -> bool:
    """Record that a run begins. Returns whether it is the first of its job."""
    number = job.arguments["n"]
    is_first: bool = await current_database().fetchval(
        NOTE, job.id, number, os.getpid(), job.fence, job.tries
    )
    return is_first


async def note(job: ClaimedJob) -> None:
    """Do nothing more than record the run."""
    await begin(job)


@asynccontextmanager
async def noted(job: ClaimedJob) -> AsyncIterator[bool]:
    """Print when a run begins and when it ends, on the monotonic clock that all processes share.

    Yields whether it is the first of its job.
    """
    is_first = await begin(job)
    say("started", job.id, job.fence, time.monotonic())
    try:
        yield is_first
    except asyncio.CancelledError:
        say("cancelled", job.id, job.fence, time.monotonic())
        raise
    say("finished", job.id, job.fence, time.monotonic())


async def nap(job: ClaimedJob) -> None:
    """Take `seconds`."""
    async with noted(job):
        await asyncio.sleep(job.arguments["seconds"])


async def hang(job: ClaimedJob) -> None:
    """Never end, in the first run."""
    async with noted(job) as is_first:
        if is_first:
            await asyncio.Event().wait()


async def drag(job: ClaimedJob) -> None:
    """Take `seconds` in the first run, three times as long in later ones."""
    async with noted(job) as is_first:
        await asyncio.sleep(job.arguments["seconds"] * (1 if is_first else 3))


async def poison(job: ClaimedJob) -> None:
    """Kill the process."""
    await note(job)
    os.kill(os.getpid(), signal.SIGKILL)


HANDLERS = {"note": note, "nap": nap, "hang": hang, "drag": drag, "poison": poison}


async def main(options: Options) -> None:
    """Work until terminated."""

    def now() -> datetime:
        return utc_now() + options.ahead

    async with open_database(options.dsn, options.name) as database:
        worker = Worker(
            Queue(database, now),
            HANDLERS,
            options.concurrency,
            options.prefetch,
            timing=options.timing,
        )
        stop: list[asyncio.Task[None]] = []
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, lambda: stop.append(asyncio.create_task(worker.stop(options.grace)))
        )
        say("ready")
        await worker.run()
    say("ended")


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    asyncio.run(main(Options.model_validate_json(sys.argv[1])))
