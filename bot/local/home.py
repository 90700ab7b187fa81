"""RIPE_HOME, the folder in which `ripe up` keeps everything: its lock, and the note for other commands."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.files import open_private, write_private
from bot.model import OperatorError
from bot.settings import Settings, running_file


def make_home(settings: Settings) -> Path:
    """The folder. If it is missing, it is made for its owner only."""
    home = settings.ripe_home.expanduser().resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


@contextmanager
def locked(home: Path) -> Iterator[int]:
    """Hold the home's lock, an open file; the kernel frees it when we end. Raises OperatorError."""
    with open_private(home / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = lock.read().decode(errors="replace").strip() or "unknown"
            raise OperatorError(
                f"Ripe is already up on {home} (process {owner}). "
                "Stop that one, or set RIPE_HOME and PORT to others."
            ) from None
        lock.truncate(0)
        lock.write(b"%d" % os.getpid())
        lock.flush()
        yield lock.fileno()


@contextmanager
def announced(home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """While the block runs, let other commands on this machine, such as `ripe why`, find the running bot.

    Yields the note that they read.
    """
    path = running_file(home)
    write_private(path, json.dumps(environment, indent=2))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
