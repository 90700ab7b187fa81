"""For the tests of `ripe up`: a home with a short path, and a wait until processes have ended."""

import os
import select
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path, as a Unix socket needs it."""
    folder = Path(tempfile.mkdtemp(prefix="ripe-test-"))
    yield folder
    shutil.rmtree(folder)


def wait_for_ends(pids: Sequence[int]) -> None:
    """Return when all of these processes, which need not be our children, have ended."""
    for pid in pids:
        try:
            with os.fdopen(os.pidfd_open(pid)) as process:
                assert select.select([process], [], [], 10)[0], f"process {pid} still runs"
        except ProcessLookupError:
            continue
