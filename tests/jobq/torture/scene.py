"""What a test of torture sees of the queue: it saves jobs and counts, in Postgres, what became of them."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

from jobq import Database, Job, Queue
from tests.jobq.torture import sql


class Scene:
    """A queue, a table of runs, and a record of who wrote which row of the queue."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = Queue(database)

    async def prepare(self) -> None:
        """Begin to record."""
        await self.database.execute(sql.PREPARE)

    async def forget(self) -> None:
        """Leave the database as it was."""
        await self.database.execute(sql.FORGET)

    async def save(self, job_type: str, numbers: Iterable[int], **arguments: Any) -> None:
        """Queue a job for each number."""
        await self.queue.save_all(Job(job_type=job_type, arguments={"n": n, **arguments}) for n in numbers)

    async def left(self, most: int = 0, within: float = 30.0) -> None:
        """Wait until at most so many jobs are left."""

        async def is_so() -> bool:
            return await self.count("job") <= most

        await until(is_so, within)

    async def count(self, table: str) -> int:
        """How many rows there are."""
        return int(await self.database.fetchval(sql.COUNT[table]))

    async def runs(self) -> dict[int, int]:
        """How often each number ran."""
        return {row["n"]: row["runs"] for row in await self.database.fetch(sql.RUNS)}

    async def rescues(self) -> int:
        """How many claims took over an expired lease."""
        return int(await self.database.fetchval(sql.RESCUES))

    async def abandoned(self) -> dict[str, int]:
        """How many tries each worker began and never settled."""
        return {row["who"]: row["jobs"] for row in await self.database.fetch(sql.ABANDONED)}

    async def stolen(self) -> int:
        """How many claims took a live lease."""
        return int(await self.database.fetchval(sql.STOLEN))

    async def stale_writes(self) -> int:
        """How often somebody changed or deleted a row that another one had claimed since."""
        return int(await self.database.fetchval(sql.STALE))

    async def busy_pid(self) -> int | None:
        """A process that just now runs a job."""
        pid = await self.database.fetchval(sql.BUSY_PID)
        return None if pid is None else int(pid)

    async def deadlocks(self) -> int:
        """How many Postgres has found in this database."""
        return int(await self.database.fetchval(sql.DEADLOCKS))

    async def slowest_rescue(self) -> timedelta:
        """The longest time between the last sign of life of a lost try and the claim of the next one."""
        return await self.database.fetchval(sql.SLOWEST_RESCUE) or timedelta(0)


async def until(is_so: Callable[[], Awaitable[bool]], within: float) -> None:
    """Ask again and again."""
    async with asyncio.timeout(within):
        while not await is_so():
            await pause(0.02)


async def pause(seconds: float) -> None:
    """Let time pass where a fault is made of time: the length of a partition, the beat of a drill."""
    await asyncio.sleep(seconds)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is not less than `share` of them."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
