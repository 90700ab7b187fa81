"""`python -m bench.memory`: memory and idle processor time of a running Ripe, and how fast `ripe --help` is.

Memory is the PSS of every Python process: what it has for itself, and its share of what several have. Before
anything is counted the processes are left alone until none does anything more.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Protocol

import psutil

from bench import webs
from bench.figures import Figure
from bench.first_dm import has_dm
from bench.machine import Machine
from bench.subjects.jobq import SUBJECT as JOBQ
from bot.local.embedded import embedded_postgres
from bot.settings import Settings, child_environment
from bot.web.server import find_free_port

ROOT = Path(__file__).resolve().parent.parent
UP_GOAL, PAIR_GOAL = 130, 140
"""Megabytes."""
IDLE_GOAL = 0.3
"""Per cent of one processor."""
HELP_GOAL = 0.3
"""Seconds."""
HELPS = 5
QUIET_SECONDS = 3.0
STARTS_WITHIN = 120.0
ENDS_WITHIN = 30.0


class Sizes(Protocol):
    """As `bench.throughput.Sizes`, whose import would bring in the queue's peers."""

    @property
    def seconds(self) -> int: ...


async def measure_memory(machine: Machine, sizes: Sizes) -> list[Figure]:
    """Of `ripe up` in the sandbox, and of a web and a worker under honcho as the Procfile starts them."""
    home = Path(tempfile.mkdtemp(prefix="ripe-memory-"))
    try:
        async with machine.database(JOBQ) as dsn, _up(home, dsn) as process:
            in_one = await _settled(process)
            idle = await _idle_percent(process, sizes.seconds)
        async with machine.database(JOBQ) as dsn, _pair(home, dsn) as process:
            pair = await _settled(process)
    finally:
        shutil.rmtree(home)
    return [
        _at_most("Memory of `ripe up` in the sandbox", in_one, UP_GOAL, "MB"),
        _at_most("Memory of web and worker under honcho", pair, PAIR_GOAL, "MB"),
        _at_most("Processor time of an idle `ripe up` in the sandbox", idle, IDLE_GOAL, "%"),
        _at_most("`ripe --help`", _help_seconds(), HELP_GOAL, "s"),
    ]


def _at_most(measure: str, value: float, goal: float, unit: str) -> Figure:
    return Figure(measure, f"<= {goal:g} {unit}", f"{value:.3g} {unit}", value <= goal)


@asynccontextmanager
async def _up(home: Path, dsn: str) -> AsyncIterator[psutil.Process]:
    """`ripe up` whose first DM is there."""
    port = find_free_port(webs.HOST)
    unset = {name.upper(): "" for name in Settings.model_fields}
    own = {"RIPE_HOME": str(home), "PORT": str(port), "DATABASE_URL": dsn}
    async with _running([sys.executable, "-m", "bot", "up"], child_environment(unset | own)) as process:
        async with asyncio.timeout(STARTS_WITHIN):
            while not await asyncio.to_thread(has_dm, f"http://{webs.HOST}:{port}"):  # noqa: ASYNC110 - of others
                await asyncio.sleep(0.1)
        yield process


@asynccontextmanager
async def _pair(home: Path, dsn: str) -> AsyncIterator[psutil.Process]:
    """Web and worker of a real bot, whose GitHub and Slack are not there."""
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"}
    environ = webs.environment(dsn, home, PORT=str(find_free_port(webs.HOST)), **path)
    command = [sys.executable, "-m", "honcho", "-f", str(ROOT / "Procfile"), "start", "web", "worker"]
    async with _running(command, environ) as process:
        async with asyncio.timeout(STARTS_WITHIN):
            while len(process.children(recursive=True)) < 2:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.1)
        yield process


@asynccontextmanager
async def _running(command: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[psutil.Process]:
    """A process, and in the end Ctrl-C for it."""
    null = asyncio.subprocess.DEVNULL
    started = await asyncio.create_subprocess_exec(*command, env=environ, cwd=ROOT, stdout=null, stderr=null)
    try:
        yield psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(started.wait(), ENDS_WITHIN)
        except TimeoutError:
            started.kill()
            await started.wait()


async def _settled(process: psutil.Process) -> float:
    """Megabytes, once the processes have done almost nothing for some seconds."""
    async with asyncio.timeout(STARTS_WITHIN):
        while await _idle_percent(process, QUIET_SECONDS) > 1:
            pass
    return sum(_pss(each.pid) for each in _pythons(process))


async def _idle_percent(process: psutil.Process, seconds: float) -> float:
    before = _processor_seconds(process)
    await asyncio.sleep(seconds)
    return 100 * (_processor_seconds(process) - before) / seconds


def _processor_seconds(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in _pythons(process))


def _pythons(process: psutil.Process) -> list[psutil.Process]:
    """Without Postgres and the guardian's shell."""
    everyone = [process, *process.children(recursive=True)]
    return [each for each in everyone if os.path.basename(each.exe()).startswith("python")]


def _pss(pid: int) -> float:
    """https://docs.kernel.org/filesystems/proc.html: memory shared by n processes counts as a n-th."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _help_seconds() -> float:
    seconds = []
    for _ in range(HELPS):
        started_at = time.monotonic()
        command = [sys.executable, "-m", "bot", "--help"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - ours
        seconds.append(time.monotonic() - started_at)
    return median(seconds)


class _Alone:
    seconds = 60


async def _main(home: Path) -> int:
    with embedded_postgres(home / "postgres") as server:
        figures = await measure_memory(Machine(server), _Alone())
    for figure in figures:
        sys.stdout.write(f"{figure.measure}: {figure.figure}; the goal is {figure.goal}\n")
    return int(not all(figure.is_met for figure in figures))


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="ripe-memory-"))
    try:
        sys.exit(asyncio.run(_main(folder)))
    finally:
        shutil.rmtree(folder)
