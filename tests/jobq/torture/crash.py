"""A Postgres of the test's own, as durable as they come, and how it crashes."""

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
    """With the schema of the queue, for as long as the block lasts."""
    home = Path(tempfile.mkdtemp(prefix="ripe-crash-"))
    try:
        with embedded_postgres(home / "pg", options) as server:
            asyncio.run(migrate(server.dsn()))
            yield server
    finally:
        shutil.rmtree(home)


def crash(server: EmbeddedPostgres) -> None:
    """As `pg_ctl stop -m immediate`. It blocks until nothing of it runs: nothing else happens meanwhile."""
    os.kill(server.pid, signal.SIGQUIT)
    deadline = time.monotonic() + 20
    while not server.has_died():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    server.stop()
