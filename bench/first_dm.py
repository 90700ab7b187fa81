"""`python -m bench.first_dm`: how long from `git clone` to the first DM on the sandbox's page.

Does what a person does: clones this repository, as committed, into a new folder, and types `make run` there.
The only thing that may be warm is pip's cache, as it is where Python is used.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.settings import Settings, child_environment
from bot.web.server import find_free_port

HERE = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"

GOAL = 90.0
"""Seconds, as are all of these."""
LONGEST = 900.0
"""With a cold cache and a slow line it takes minutes."""
ENDS_WITHIN = 30.0
ANSWERS_WITHIN = 5.0
LOOK_EVERY = 0.1


class NoFirstDmError(Exception):
    """It did not come. The text says why, as far as that is known."""


def main() -> int:
    """Prints the seconds and where they went. 1 where there were more than the goal."""
    folder = Path(tempfile.mkdtemp(prefix="ripe-first-dm-"))
    try:
        return _measure(folder)
    except NoFirstDmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        shutil.rmtree(folder)


def _measure(folder: Path) -> int:
    clone, output = folder / "ripe", folder / "output"
    begun_at = time.monotonic()
    command = [_find("git"), "clone", "--quiet", "--no-local", str(HERE), str(clone)]
    subprocess.run(command, check=True, timeout=LONGEST)  # noqa: S603 - every word of it is ours
    cloned_at = time.monotonic()
    with _running(clone, folder / "home", output) as (process, address):
        installed_at = _wait_until(lambda: _is_installed(clone), process, output)
        asked_at = _wait_until(lambda: has_dm(address), process, output)
    seconds = asked_at - begun_at
    sys.stdout.write(
        f"{seconds:.1f} s from git clone to the first DM; the goal is under {GOAL:.0f} s.\n"
        f"Cloned in {cloned_at - begun_at:.1f} s, installed in {installed_at - cloned_at:.1f} s, "
        f"the DM {asked_at - installed_at:.1f} s after that.\n"
    )
    return int(seconds >= GOAL)


@contextmanager
def _running(clone: Path, home: Path, output: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """`make run` with no settings and no data, and its address. It is over afterwards."""
    port = find_free_port(HOST)
    unset = {name.upper(): "" for name in Settings.model_fields} | {"MAKEFLAGS": "", "MAKELEVEL": ""}
    with output.open("wb") as lines:
        process = subprocess.Popen(  # noqa: S603 - every word of it is ours
            [_find("make"), "run"],
            cwd=clone,
            env=child_environment(unset | {"RIPE_HOME": str(home), "PORT": str(port)}),
            stdout=lines,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # as at a terminal, Ctrl-C goes to all of it
        )
        try:
            yield process, f"http://{HOST}:{port}"
        finally:
            _stop(process)


def _find(tool: str) -> str:
    if (path := shutil.which(tool)) is None:
        raise NoFirstDmError(f"{tool} is missing on this machine.")
    return path


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_installed(clone: Path) -> bool:
    return (clone / ".venv" / ".ready").exists()


def has_dm(address: str) -> bool:
    """Whether the page shows one. Until everything is up it shows nothing, or an error."""
    try:
        with urllib.request.urlopen(f"{address}/page/state", timeout=ANSWERS_WITHIN) as answer:  # noqa: S310 - http
            state: dict[str, Any] = json.load(answer)
    except (OSError, json.JSONDecodeError):
        return False
    return any(_is_reminder(message) for messages in state["dms"].values() for message in messages)


def _is_reminder(message: dict[str, Any]) -> bool:
    """The answer to a slash command, which only its author sees, is none."""
    return message["metadata"] is not None and not message["is_ephemeral"]


def _wait_until(happened: Callable[[], bool], process: "subprocess.Popen[bytes]", output: Path) -> float:
    """When it had, on the monotonic clock. Raises NoFirstDmError."""
    give_up_at = time.monotonic() + LONGEST
    while not happened():
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise NoFirstDmError(f"No DM came. `make run` printed:\n{output.read_text()}")
        time.sleep(LOOK_EVERY)
    return time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
