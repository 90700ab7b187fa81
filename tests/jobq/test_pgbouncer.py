"""PgBouncer in transaction mode may run each statement on another connection. The queue works behind it."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.web.server import find_free_port
from jobq import Database, Job, Postpone, Queue, utc_now, write_transaction
from tests.jobq.working import NO_SWEEPS, Recorder, numbered, working

# Debian puts it into a folder that only root has in its PATH.
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs the package pgbouncer")

CONFIG = """\
[databases]
{name} = host={sockets} dbname={name} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = lock_timeout, idle_in_transaction_session_timeout, plan_cache_mode
"""


@pytest.fixture
def pooled_dsn(dsn: str) -> Iterator[str]:
    """The address of the test's database behind PgBouncer, which has three connections for all clients."""
    address = urlsplit(dsn)
    name, (sockets,) = address.path.strip("/"), parse_qs(address.query)["host"]
    port = find_free_port("127.0.0.1")
    # PgBouncer refuses to run as root. The user that runs Postgres may enter the folder of its socket.
    owner = pwd.getpwuid(Path(sockets).stat().st_uid).pw_name
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(CONFIG.format(name=name, sockets=sockets, port=port))
        Path(folder).chmod(0o755)
        as_owner = ["-u", owner] if os.getuid() == 0 else []
        assert PROGRAM is not None
        command = [PROGRAM, "-q", *as_owner, str(config)]
        process = subprocess.Popen(command)  # noqa: S603 - the arguments are ours
        try:
            _wait_until_it_listens(port)
            yield f"postgresql://postgres@127.0.0.1:{port}/{name}"
        finally:
            process.kill()
            process.wait()


def _wait_until_it_listens(port: int) -> None:
    async def connect() -> None:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    asyncio.run(connect())


async def test_a_worker_behind_a_transaction_pooler_does_everything(
    dsn: str, pooled_dsn: str, note: Recorder
) -> None:
    @write_transaction
    async def again(job: object) -> Postpone:
        await queue.save_all(numbered(50))
        return Postpone(utc_now() + timedelta(hours=1))

    async with (
        Database(pooled_dsn, direct_dsn=dsn, statement_cache_size=0) as other_database,
        Database(pooled_dsn, direct_dsn=dsn, statement_cache_size=0) as database,
    ):
        queue = Queue(database)
        async with working(queue, {"note": note, "again": again}, NO_SWEEPS):
            # As another process: the worker hears of it only over the direct connection.
            await Queue(other_database).save(Job(job_type="again"))
            assert sorted(await note.reached(50)) == list(range(50))
        (lane,) = await queue.stats()
        assert (lane.ready, lane.future, lane.leased) == (0, 1, 0)
