"""Worker processes, started, heard and hurt by a test."""

import asyncio
import itertools
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from datetime import timedelta
from typing import Any

from jobq import Timing
from tests.jobq.torture.worker import Options

HASTY = Timing(
    lease=timedelta(seconds=1.5),
    heartbeat_every=0.3,
    heartbeat_within=0.4,
    trust_lease_for=1.1,
    sweep_every=0.2,
    retry_after=0.1,
)
"""Short enough to hurry, long enough for a machine that starts other processes at the same time."""

BRISK = Timing(
    lease=timedelta(seconds=1.2),
    heartbeat_every=0.2,
    heartbeat_within=0.3,
    trust_lease_for=0.8,
    sweep_every=0.1,
    retry_after=0.1,
)
"""For tests that start no process once they have begun."""


class WorkerProcess:
    """One worker process and what it said."""

    def __init__(self, process: Process, name: str) -> None:
        self.process = process
        self.name = name
        self.said: list[str] = []
        self._news = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.returncode is None

    async def hear(self, word: str, times: int = 1, within: float = 20.0) -> str:
        """Wait until lines that begin with `word` were said that often. Returns the last of them."""

        def is_said() -> bool:
            return self.count(word) >= times or self._listening.done()

        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(is_said)
        assert self.count(word) >= times, f"{self.name} ended without {word!r}: {self.said[-5:]}"
        return [line for line in self.said if line.startswith(word)][times - 1]

    def count(self, word: str) -> int:
        """How many lines began with `word`."""
        return sum(line.startswith(word) for line in self.said)

    def pause(self) -> None:
        """SIGSTOP: it stands still and does not know."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL."""
        if self.is_running:
            self.process.kill()
        await self.end()

    async def terminate(self) -> float:
        """SIGTERM. Returns after how many seconds it had ended."""
        asked_at = time.monotonic()
        self.process.terminate()
        await self.end()
        return time.monotonic() - asked_at

    async def end(self) -> int:
        """Wait for its end. Returns the exit code, which is negative where a signal ended it."""
        await self._listening
        return await self.process.wait()

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._news:
                self.said.append(line.decode().rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


class Fleet:
    """All worker processes of a test."""

    def __init__(self, dsn: str) -> None:
        self.workers: list[WorkerProcess] = []
        self._dsn = dsn
        self._numbers = itertools.count(1)

    async def start(self, **options: Any) -> WorkerProcess:
        """Start a worker with these `Options`; it may take a moment until it works."""
        name = f"worker-{next(self._numbers)}"
        given = Options.model_validate({"dsn": self._dsn, "name": name, "timing": HASTY, **options})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.jobq.torture.worker", given.model_dump_json(), stdout=PIPE
        )
        worker = WorkerProcess(process, name)
        self.workers.append(worker)
        return worker

    async def start_ready(self, count: int, **options: Any) -> list[WorkerProcess]:
        """Start several and wait until they work."""
        started = [await self.start(**options) for _ in range(count)]
        for worker in started:
            await worker.hear("ready")
        return started

    def running(self) -> list[WorkerProcess]:
        """Those that have not ended, the oldest first."""
        return [worker for worker in self.workers if worker.is_running]

    def by_pid(self, pid: int | None) -> WorkerProcess | None:
        """The one that runs under this number, if there is one."""
        return next((worker for worker in self.running() if worker.pid == pid), None)

    async def close(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            await worker.kill()
