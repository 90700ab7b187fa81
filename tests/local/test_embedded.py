"""The embedded Postgres: made if missing, reused by the next start, and never left running."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from bot.local.embedded import EmbeddedPostgres, embedded_postgres
from bot.model import OperatorError
from tests.local.conftest import wait_for_ends
from tests.shell import when_late


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data directory on which no server runs. It is made once, which takes longer than to use it."""
    home = Path(tempfile.mkdtemp(prefix="ripe-test-"))
    with embedded_postgres(home / "pg"):
        pass
    yield home / "pg"
    shutil.rmtree(home)


def fetch(dsn: str, sql: str) -> object:
    return asyncio.run(_fetch(dsn, sql))


async def _fetch(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def test_a_second_start_finds_the_data(data: Path) -> None:
    with embedded_postgres(data) as server:
        fetch(server.dsn(), "CREATE TABLE kept ()")
    with embedded_postgres(data) as server:
        assert fetch(server.dsn(), "SELECT count(*) FROM kept") == 0


def test_a_path_too_long_for_a_socket_works_and_leaves_nothing_elsewhere(home: Path) -> None:
    data = home / ("long" * 30) / "with space" / "pg"
    with embedded_postgres(data) as server:
        assert fetch(server.dsn(), "SELECT 1") == 1
        sockets = Path(str(fetch(server.dsn(), "SHOW unix_socket_directories")))
        assert sockets != data
    assert not sockets.exists()


def test_a_killed_owner_leaves_no_server_and_the_next_one_takes_over(data: Path) -> None:
    script = (
        "import sys, pathlib; from bot.local.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(  # noqa: S603 - every word of it is ours
        [sys.executable, "-c", script, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    with when_late(30, owner.kill):
        pid = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    wait_for_ends([pid])
    with embedded_postgres(data) as server:
        assert fetch(server.dsn(), "SELECT 1") == 1


def test_a_server_left_running_is_replaced(data: Path) -> None:
    left = EmbeddedPostgres(data)
    left.start()
    with embedded_postgres(data) as server:
        assert fetch(server.dsn(), "SELECT 1") == 1
        assert left.has_died()
    left.stop()


def test_a_note_that_names_another_process_is_dropped(data: Path) -> None:
    with embedded_postgres(data):
        user = data.owner()
    # A process of the server's own user: only such a process could Postgres mistake for a server.
    other = subprocess.Popen(["/bin/sleep", "100"], user=user)
    try:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n")
        with embedded_postgres(data) as server:
            assert fetch(server.dsn(), "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_cannot_start_says_why(data: Path) -> None:
    with pytest.raises(OperatorError, match=r"did not start:\n(?s:.*)shared_buffers"):
        EmbeddedPostgres(data, {"shared_buffers": "much"}).start()


def test_a_server_that_dies_is_noticed(data: Path) -> None:
    server = EmbeddedPostgres(data)
    server.start()
    os.kill(server.pid, signal.SIGQUIT)
    wait_for_ends([server.pid])
    assert server.has_died()
    server.stop()
