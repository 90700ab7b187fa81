"""The machine of one run: a Postgres with durable defaults, fresh databases, worker processes."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from bench.subjects.model import ForeignSubject, Peer
from bot.local.embedded import EmbeddedPostgres

PAGE = 5_000
"""Jobs that are enqueued with one statement."""
LONGEST = 600.0
"""Seconds that any one step may take."""


class WorkerProcess:
    """A worker of `subject` in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def hear(self, event: str) -> dict[str, Any]:
        """The next line about `event`. Raises RuntimeError if the process ends before."""
        output = self.process.stdout
        async with asyncio.timeout(LONGEST):
            while output is not None and (line := await output.readline()):
                report: dict[str, Any] = json.loads(line)
                if report["event"] == event:
                    return report
        raise RuntimeError(f"the worker ended before it said {event!r}")

    async def stop(self) -> float:
        """Ask it to stop. Seconds that this took by its own word."""
        self.process.send_signal(signal.SIGTERM)
        seconds: float = (await self.hear("stopped"))["seconds"]
        await self.process.wait()
        return seconds


class Machine:
    """One Postgres for all that is measured."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    @asynccontextmanager
    async def database(self, subject: Peer) -> AsyncIterator[str]:
        """The address of a new database with the tables of `subject`; dropped afterwards."""
        name = f"bench_{subject.name}_{os.urandom(3).hex()}"
        await self.execute(f"CREATE DATABASE {name}")
        try:
            await subject.install(self._server.dsn(name))
            yield self._server.dsn(name)
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def execute(self, sql: str, dsn: str | None = None) -> None:
        """Run one statement outside of any transaction."""
        connection = await asyncpg.connect(dsn or self._server.dsn())
        try:
            await connection.execute(sql, timeout=LONGEST)
        finally:
            await connection.close()

    async def ask(self, sql: str, dsn: str | None = None) -> Any:
        """The one value of a query."""
        connection = await asyncpg.connect(dsn or self._server.dsn())
        try:
            return await connection.fetchval(sql, timeout=LONGEST)
        finally:
            await connection.close()

    @asynccontextmanager
    async def logging_statements(self) -> AsyncIterator[Path]:
        """Postgres logs every statement meanwhile; yields its log."""
        await self._log_statements("SET log_statement = 'all'")
        try:
            yield self._server.log
        finally:
            await self._log_statements("RESET log_statement")

    async def _log_statements(self, change: str) -> None:
        await self.execute(f"ALTER SYSTEM {change}")
        await self.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.2)  # until every backend has noticed

    async def settle(self, dsn: str) -> None:
        """Let every subject begin with known statistics and nothing left to write."""
        await self.execute("VACUUM ANALYZE", dsn)
        await self.execute("CHECKPOINT", dsn)

    async def fill(self, subject: Peer, dsn: str, count: int, days_ahead: int = 0, first: int = 0) -> None:
        """Enqueue `count` numbered jobs."""
        async with subject.enqueuing(dsn) as enqueuer:
            for start in range(first, first + count, PAGE):
                numbers = range(start, min(start + PAGE, first + count))
                await enqueuer.save_all(numbers, days_ahead)

    @asynccontextmanager
    async def worker(
        self, subject: Peer, dsn: str, body: str = "counting", expected: int = 10
    ) -> AsyncIterator[WorkerProcess]:
        """A worker process, up; killed afterwards if it has not been stopped."""
        if isinstance(subject, ForeignSubject):
            command = subject.command(dsn, body, expected)
        else:
            command = [sys.executable, "-m", "bench.process", subject.name, dsn, body, str(expected)]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, limit=2**24)
        worker = WorkerProcess(process)
        try:
            await worker.hear("up")
            yield worker
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def finished(self, subject: Peer, dsn: str, look_every: float = 0.002) -> None:
        """Wait until nothing ripe is left. While a drain is under way look seldom: it costs Postgres time."""
        connection = await asyncpg.connect(dsn)
        try:
            async with asyncio.timeout(LONGEST):
                while await connection.fetchval(subject.unfinished):
                    await connection.execute("SELECT pg_sleep($1)", look_every)
        finally:
            await connection.close()
