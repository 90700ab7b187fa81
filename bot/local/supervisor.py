"""Runs a few processes as one: each line of output behind the process's name, and none without the others."""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bot.local.guardian import Guardian
from bot.model import OperatorError

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

    Raises OperatorError when one of them ends before. No child outlives us, even if we are killed.
    """
    guardian = Guardian()
    width = max(len(child.name) for child in children)
    processes: dict[str, Process] = {}
    runs: list[asyncio.Task[None]] = []
    try:
        for child in children:
            process = await _start(child)
            guardian.watch(process.pid)
            processes[child.name] = process
            runs.append(asyncio.create_task(_run(child.name, process, f"{child.name:<{width}} | ", show)))
        await _first_of(runs, stop)
    finally:
        await _end(processes, runs, show)
        guardian.dismiss()


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


async def _run(name: str, process: Process, prefix: str, show: Callable[[str], None]) -> None:
    """Pass on what it prints until it ends, which raises OperatorError."""
    rest = b""
    # Not readline(): it gives up on lines that are longer than its buffer.
    while process.stdout is not None and (chunk := await process.stdout.read(CHUNK)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            show(prefix + line.decode(errors="replace"))
    if rest:
        show(prefix + rest.decode(errors="replace"))
    raise OperatorError(
        f"{name} {_ending(await process.wait())}. Everything was stopped; its last lines say why."
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


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
    processes: Mapping[str, Process], runs: Sequence[asyncio.Task[None]], show: Callable[[str], None]
) -> None:
    for process in processes.values():
        _send(process, signal.SIGTERM)
    try:
        if runs:
            await asyncio.wait(runs, timeout=STOP_SECONDS)
    finally:
        # In `finally`: a second Ctrl-C ends the wait.
        for name, process in processes.items():
            if process.returncode is None:
                show(f"{name} still runs and is killed.")
                _send(process, signal.SIGKILL)
    await asyncio.gather(*runs, return_exceptions=True)


def _send(process: Process, what: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(what)
