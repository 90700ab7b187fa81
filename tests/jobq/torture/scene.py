"""A queue under torture: save jobs, and count in Postgres what happened to them."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from jobq import Database, Job, Queue
from tests.jobq.torture import sql
from tests.jobq.working import until


class Scene:
    """A queue, a table of runs, and a record of every change of a job with the session that made it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = Queue(database)

    async def prepare(self) -> None:
        """Start the record."""
        await self.database.execute(sql.PREPARE)

    async def forget(self) -> None:
        """Remove the record."""
        await self.database.execute(sql.FORGET)

    async def save(self, job_type: str, numbers: Iterable[int], **arguments: Any) -> None:
        """Queue a job for each number."""
        await self.queue.save_all(Job(job_type=job_type, arguments={"n": n, **arguments}) for n in numbers)

    async def left(self, most: int = 0, within: float = 30.0) -> None:
        """Wait until at most so many jobs are left."""

        async def is_reached() -> bool:
            return await self.count("job") <= most

        await until(is_reached, within)

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(await self.database.fetchval(sql.COUNT[table]))

    async def runs(self) -> dict[int, int]:
        """How often each number ran."""
        return {row["n"]: row["runs"] for row in await self.database.fetch(sql.RUNS)}

    async def rescues(self) -> int:
        """How many claims took over an expired lease."""
        return int(await self.database.fetchval(sql.RESCUES))

    async def abandoned(self) -> dict[str, int]:
        """How many jobs each worker claimed and never settled."""
        return {row["who"]: row["jobs"] for row in await self.database.fetch(sql.ABANDONED)}

    async def stolen(self) -> int:
        """How many claims took a live lease."""
        return int(await self.database.fetchval(sql.STOLEN))

    async def stale_writes(self) -> int:
        """How many writes changed or deleted a row whose lease the writer did not have."""
        return int(await self.database.fetchval(sql.STALE))

    async def busy_pid(self) -> int | None:
        """The process id of a worker that runs a job now."""
        pid = await self.database.fetchval(sql.BUSY_PID)
        return None if pid is None else int(pid)

    async def deadlocks(self) -> int:
        """How many deadlocks Postgres has found in this database."""
        return int(await self.database.fetchval(sql.DEADLOCKS))

    async def slowest_rescue(self) -> timedelta:
        """The longest time between the last heartbeat of a lost try and the next claim of its job."""
        return await self.database.fetchval(sql.SLOWEST_RESCUE) or timedelta(0)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is at least as large as `share` of all values."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
