"""A Postgres server of the test's own with durable defaults, and how to crash it."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.local.embedded import EmbeddedPostgres, embedded_postgres
from bot.migrations import migrate


@contextmanager
def durable_postgres(options: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """A server with the schema of the queue, for the length of the block."""
    home = Path(tempfile.mkdtemp(prefix="ripe-crash-"))
    try:
        with embedded_postgres(home / "pg", options) as server:
            asyncio.run(migrate(server.dsn()))
            yield server
    finally:
        shutil.rmtree(home)


def crash(server: EmbeddedPostgres) -> None:
    """Crash the server like `pg_ctl stop -m immediate`. Blocks: this process does nothing meanwhile."""
    os.kill(server.pid, signal.SIGQUIT)
    deadline = time.monotonic() + 20
    while not server.has_died():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    server.stop()
