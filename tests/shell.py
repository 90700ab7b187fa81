"""The command line as a shell sees it, without the import, which takes longer than most commands."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bot.settings import Settings

ROOT = Path(__file__).parent.parent
ENDS_WITHIN = 30.0
"""Seconds."""
FORKING = """
import gc, json, os, sys
import bot.app, bot.doctor.doctor, bot.doctor.ports
from bot.__main__ import main
gc.freeze()  # else each command collects at its end what was imported
for line in sys.stdin:
    asked = json.loads(line)
    if pid := os.fork():
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["ripe", *asked["arguments"]]
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, given in enumerate((nothing, *(os.open(one, os.O_WRONLY) for one in asked["outputs"]))):
        os.dup2(given, number)
    sys.exit(main())
"""
"""Imports the program once. Each line of its input is a command, which runs in a process of its own."""


def ripe(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """`ripe ARGUMENTS` in `folder`, with these settings and no others."""
    return _forking().run(folder, arguments, bare_environment() | settings)


def bare_environment() -> dict[str, str]:
    """This process's environment without any setting of Ripe."""
    names = [name.upper() for name in Settings.model_fields]
    bare = {name: value for name, value in os.environ.items() if name not in names}  # noqa: TID251
    return bare | {"PYTHONPATH": str(ROOT)}


def modules_of(script: str) -> set[str]:
    """The modules that such a process has loaded at its end."""
    report = f"import sys; {script}; print(*(name for name, module in sys.modules.items() if module))"
    ended = subprocess.run(  # noqa: S603 - every word of it is ours
        [sys.executable, "-c", report], env=bare_environment(), capture_output=True, text=True, check=True
    )
    return set(ended.stdout.split())


class _Forking:
    """A process that has imported the program, and runs commands one after the other."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        # It ends with this process, which closes its input.
        self._process = subprocess.Popen(  # noqa: S603 - every word of it is ours
            [sys.executable, "-c", FORKING],
            env=bare_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn, tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            asked = {"folder": str(folder), "arguments": arguments, "environment": environment}
            print(json.dumps(asked | {"outputs": [out.name, err.name]}), file=self._process.stdin, flush=True)
            pid = int(self._process.stdout.readline())
            with when_late(ENDS_WITHIN, lambda: os.kill(pid, signal.SIGKILL)):
                code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(arguments, code, out.read().decode(), err.read().decode())


@contextmanager
def when_late(after: float, act: Callable[[], object]) -> Iterator[None]:
    """Calls `act` if the block takes longer than `after` seconds, for instance to end what it reads from."""
    alarm = threading.Timer(after, act)
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


@cache
def _forking() -> _Forking:
    return _Forking()
