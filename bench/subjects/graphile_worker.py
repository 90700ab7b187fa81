"""graphile-worker for Node, as its documents measure it: a local queue, and batched completion."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from bench.npm import command_of, install

PACKAGE = "graphile-worker"
SCRIPT = "graphile-worker.mjs"
ADD = "SELECT graphile_worker.add_job('bench', json_build_object('n', $1::int))"
ADD_ALL = """
    SELECT count(*)
    FROM graphile_worker.add_jobs(ARRAY(
        SELECT ROW(
            'bench', json_build_object('n', n), NULL, now() + $2::int * interval '1 day',
            NULL, NULL, NULL, NULL
        )::graphile_worker.job_spec
        FROM unnest($1::int[]) AS n
    ))
"""


class GraphileWorkerEnqueuer:
    """Its SQL functions."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def save(self, number: int) -> None:
        """One call of add_job."""
        await self._connection.execute(ADD, number)

    async def save_all(self, numbers: Sequence[int], days_ahead: int = 0) -> None:
        """One call of add_jobs."""
        await self._connection.execute(ADD_ALL, list(numbers), days_ahead)


class GraphileWorker:
    """See `Subject`. Its worker is a process of Node, not of Python."""

    name = "graphile_worker"
    unfinished = "SELECT EXISTS (SELECT FROM graphile_worker.jobs WHERE run_at <= now())"

    def __init__(self) -> None:
        self.version = install(PACKAGE)

    async def install(self, dsn: str) -> None:
        """Its own migrations."""
        command = [*command_of(PACKAGE, SCRIPT), "install", dsn]
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait() != 0:
            raise subprocess.CalledProcessError(1, command)

    @asynccontextmanager
    async def enqueuing(self, dsn: str) -> AsyncIterator[GraphileWorkerEnqueuer]:
        """Over one connection."""
        connection = await asyncpg.connect(dsn)
        try:
            yield GraphileWorkerEnqueuer(connection)
        finally:
            await connection.close()

    def command(self, dsn: str, body: str, expected: int) -> list[str]:
        """Starts a worker that says what bench/process.py says."""
        return [*command_of(PACKAGE, SCRIPT), "work", dsn, body, str(expected)]
