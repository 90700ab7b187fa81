"""Runs a few processes as one. Each line of output stands behind the name of its process."""

import asyncio
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bot.local.guardian import Guardian
from bot.model import OperatorError

STEADY_SECONDS = 10.0
"""A process that has run so long once worked. If it ends later, a new one may work again."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
"""Before a process is started again; the wait doubles."""
MOST_RESTARTS = 6
"""In a row, of a process that never runs for STEADY_SECONDS."""
MOST_SHOWN = 300
"""Characters of a last line that are repeated."""
STOP_SECONDS = 10.0
"""A worker gives its jobs 8 s to end. A process that still runs after this time is killed."""
CHUNK = 65_536


@dataclass(frozen=True)
class Child:
    """A process to run. `environment` is the whole of it, not an addition to ours."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


async def supervise(children: Sequence[Child], stop: asyncio.Event, show: Callable[[str], None]) -> None:
    """Run `children` until `stop` is set, then end them all. Each line they print goes to `show`.

    One that is killed, or ends after it has run for a while, is started again. Raises OperatorError if one
    ends right after its start, or again and again. No child outlives us, even if we are killed.
    """
    supervised = _Supervised(show, max(len(child.name) for child in children))
    runs = [asyncio.create_task(supervised.keep(child)) for child in children]
    try:
        await _first_of(runs, stop)
    finally:
        await _end(supervised, runs, show)
        supervised.guardian.dismiss()


@dataclass
class _Ended:
    """The end of a process: its exit code, its last line, and how many seconds it ran."""

    code: int
    last_line: str
    ran_for: float

    def __str__(self) -> str:
        how = f"ended with exit code {self.code}"
        if self.code < 0:
            how = f"was ended by {signal.Signals(-self.code).name}"
        return f"{how}: {self.last_line}" if self.last_line else how

    @property
    def is_hopeless(self) -> bool:
        """It gave up by itself, right after its start, so a new one would do the same."""
        return self.code >= 0 and self.ran_for < STEADY_SECONDS


@dataclass
class _Supervised:
    """The processes that run now, by name. `width` is that of the longest name."""

    show: Callable[[str], None]
    width: int
    guardian: Guardian = field(default_factory=Guardian)
    processes: dict[str, Process] = field(default_factory=dict)
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, child: Child) -> None:
        """Run it, again and again. Raises OperatorError when that has no sense any more."""
        restarts, wait = 0, FIRST_WAIT_SECONDS
        while not self.ending.is_set():
            ended = await self._run(child)
            if ended.ran_for > STEADY_SECONDS:
                restarts, wait = 0, FIRST_WAIT_SECONDS
            if self.ending.is_set() or ended.is_hopeless or restarts == MOST_RESTARTS:
                raise OperatorError(f"{child.name} {ended}. Everything was stopped.")
            restarts += 1
            self.show(f"{child.name} {ended}. It is started again in {wait:.0f} s.")
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.ending.wait()
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    async def _run(self, child: Child) -> _Ended:
        """Pass on what it prints until it ends."""
        started = time.monotonic()
        process = await _start(child)
        self.guardian.watch(process.pid)
        self.processes[child.name] = process
        if self.ending.is_set():  # all others got their signal meanwhile
            _send(process, signal.SIGTERM)
        prefix, rest, last = f"{child.name:<{self.width}} | ", b"", b""
        # Not readline(): it gives up on lines that are longer than its buffer.
        while process.stdout is not None and (chunk := await process.stdout.read(CHUNK)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.show(prefix + line.decode(errors="replace"))
                last = line if line.strip() else last
        if rest:
            self.show(prefix + rest.decode(errors="replace"))
        text = (rest or last).decode(errors="replace").strip().rstrip(".")[:MOST_SHOWN]
        return _Ended(await process.wait(), text, time.monotonic() - started)


async def _start(child: Child) -> Process:
    # In a session of its own: Ctrl-C in the terminal reaches only us, and we end all of them in good order.
    return await asyncio.create_subprocess_exec(
        *child.command,
        env=child.environment,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )


async def _first_of(runs: Sequence[asyncio.Task[None]], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({*runs, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if stopping not in done:
        for run in done:
            run.result()


async def _end(
    supervised: _Supervised, runs: Sequence[asyncio.Task[None]], show: Callable[[str], None]
) -> None:
    supervised.ending.set()
    for process in supervised.processes.values():
        _send(process, signal.SIGTERM)
    try:
        if runs:
            await asyncio.wait(runs, timeout=STOP_SECONDS)
    finally:
        # In `finally`: a second Ctrl-C ends the wait.
        for name, process in supervised.processes.items():
            if process.returncode is None:
                show(f"{name} still runs and is killed.")
                _send(process, signal.SIGKILL)
    await asyncio.gather(*runs, return_exceptions=True)


def _send(process: Process, what: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(what)
