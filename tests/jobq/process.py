"""A worker process for test_processes.py: `python -m tests.jobq.process DSN`. It prints what it does."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from jobq import ClaimedJob, Database, Queue, Timing, Worker, current_database

TIMING = Timing(lease=timedelta(seconds=0.8), heartbeat_every=0.2, sweep_every=0.1)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def note(job: ClaimedJob) -> None:
    await current_database().execute("INSERT INTO ran VALUES ($1, $2)", job.id, os.getpid())


async def hang(job: ClaimedJob) -> None:
    await note(job)
    say("started", job.id)
    if job.tries == 1:
        await asyncio.Event().wait()


async def slow(job: ClaimedJob) -> None:
    say("started", job.id)
    await asyncio.sleep(0.2)
    await note(job)


async def poison(job: ClaimedJob) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(dsn: str) -> None:
    handlers = {"note": note, "hang": hang, "slow": slow, "poison": poison}
    async with Database(dsn) as database:
        worker = Worker(Queue(database), handlers, timing=TIMING)
        stop: list[asyncio.Task[None]] = []
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, lambda: stop.append(asyncio.create_task(worker.stop()))
        )
        await worker.run()
    say("ended")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
