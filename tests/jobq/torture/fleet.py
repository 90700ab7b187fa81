"""Worker processes that a test starts, listens to, and pauses or kills."""

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
"""Short intervals, but long enough for a machine that starts other processes meanwhile."""

BRISK = Timing(
    lease=timedelta(seconds=1.2),
    heartbeat_every=0.2,
    heartbeat_within=0.3,
    trust_lease_for=0.8,
    sweep_every=0.1,
    retry_after=0.1,
)
"""Shorter intervals, for tests that start few processes."""


ENDS_WITHIN = 60.0
"""Seconds."""


class WorkerProcess:
    """One worker process and the lines that it printed."""

    def __init__(self, process: Process, name: str) -> None:
        self.process = process
        self.name = name
        self.lines: list[str] = []
        self._printed = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    async def hear(self, word: str, times: int = 1, within: float = 20.0) -> str:
        """Wait until so many lines that begin with `word` were printed. Returns the last of them."""

        def is_printed() -> bool:
            return self.count(word) >= times or self._listening.done()

        async with asyncio.timeout(within), self._printed:
            await self._printed.wait_for(is_printed)
        assert self.count(word) >= times, f"{self.name} ended without {word!r}: {self.lines[-5:]}"
        return [line for line in self.lines if line.startswith(word)][times - 1]

    def count(self, word: str) -> int:
        """How many lines begin with `word`."""
        return sum(line.startswith(word) for line in self.lines)

    def pause(self) -> None:
        """Stop it with SIGSTOP, which it cannot notice."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on with SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Kill it with SIGKILL, and wait for its end."""
        if self.is_running:
            self.process.kill()
        await self.end()

    async def terminate(self) -> float:
        """End it with SIGTERM. Returns how many seconds that took."""
        asked_at = time.monotonic()
        self.process.terminate()
        await self.end()
        return time.monotonic() - asked_at

    async def end(self) -> int:
        """Wait for its end. Returns the exit code, which is negative if a signal ended it."""
        async with asyncio.timeout(ENDS_WITHIN):
            await self._listening
            return await self.process.wait()

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._printed:
                self.lines.append(line.decode().rstrip())
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()


class Fleet:
    """All worker processes of a test."""

    def __init__(self, dsn: str) -> None:
        self.workers: list[WorkerProcess] = []
        self._dsn = dsn
        self._numbers = itertools.count(1)

    async def start(self, **options: Any) -> WorkerProcess:
        """Start a worker with these `Options`. It needs a moment until it works."""
        name = f"worker-{next(self._numbers)}"
        given = Options.model_validate({"dsn": self._dsn, "name": name, "timing": HASTY, **options})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.jobq.torture.worker", given.model_dump_json(), stdout=PIPE
        )
        worker = WorkerProcess(process, name)
        self.workers.append(worker)
        return worker

    async def start_ready(self, count: int, **options: Any) -> list[WorkerProcess]:
        """Start several workers and wait until they work."""
        started = [await self.start(**options) for _ in range(count)]
        for worker in started:
            await worker.hear("ready")
        return started

    def running(self) -> list[WorkerProcess]:
        """The workers that have not ended, the oldest first."""
        return [worker for worker in self.workers if worker.is_running]

    def by_pid(self, pid: int | None) -> WorkerProcess | None:
        """The running worker with this process id, if there is one."""
        return next((worker for worker in self.running() if worker.pid == pid), None)

    async def close(self) -> None:
        """Kill the workers that still run."""
        for worker in self.workers:
            await worker.kill()
