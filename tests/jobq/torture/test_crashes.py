"""Promise Q3: a crash of Postgres loses no committed job, and work goes on soon after its restart."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import asyncpg
import pytest

from bot.local.embedded import EmbeddedPostgres
from jobq import Database, DatabaseUnavailableError, Timing
from tests.jobq.torture.crash import crash, durable_postgres
from tests.jobq.torture.fleet import Fleet
from tests.jobq.torture.scene import Scene
from tests.jobq.working import pause, until
from tests.promises import Promise

BACK_WITHIN = 5.0
WAKES_IN_A_ROW = 3
LATENCY = "SELECT extract(epoch FROM min(started_at) - $2)::float FROM ran WHERE n = $1"


class Saver:
    """Saves a job every few milliseconds, and remembers which saves Postgres confirmed."""

    def __init__(self, scene: Scene) -> None:
        self.committed: set[int] = set()
        self._scene = scene
        self._numbers = itertools.count()

    async def save_until_cancelled(self) -> None:
        """Save jobs, whatever happens to the database."""
        while True:
            number = next(self._numbers)
            with suppress(DatabaseUnavailableError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._scene.save("nap", [number], seconds=0.01)
                self.committed.add(number)
            await pause(0.005)


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A Postgres server that the test may crash."""
    with durable_postgres() as server:
        yield server


@pytest.fixture
async def crashing(server: EmbeddedPostgres) -> AsyncIterator[Scene]:
    """The queue on this server."""
    async with Database(server.dsn(), session={"application_name": "test"}) as database:
        scene = Scene(database)
        await scene.prepare()
        yield scene


@pytest.mark.parametrize("crashes", [1, pytest.param(20, marks=pytest.mark.torture)])
async def test_a_crash_of_postgres_loses_no_committed_job_and_work_goes_on_soon(
    server: EmbeddedPostgres, crashing: Scene, promise: Promise, crashes: int
) -> None:
    assert await crashing.database.fetchval("SHOW fsync") == "on"
    fleet, saver = Fleet(server.dsn()), Saver(crashing)
    back, awake = [], []
    try:
        await fleet.start_ready(2, concurrency=5, timing=Timing())
        for number in range(crashes):
            saving = asyncio.create_task(saver.save_until_cancelled())
            await _some_ran(crashing)
            crash(server)
            server.start()
            started_at = time.monotonic()
            saving.cancel()
            with suppress(asyncio.CancelledError):
                await saving
            first = -1 - number * 1_000
            await _save_and_await(crashing, first)
            back.append(time.monotonic() - started_at)
            await _wakes_up(crashing, first - 1)
            awake.append(time.monotonic() - started_at)
        await crashing.left(within=60)
        runs = await crashing.runs()
    finally:
        await fleet.close()

    lost = saver.committed - set(runs)
    promise(
        "Q3",
        f"{crashes} immediate stops, fsync on",
        f"{len(saver.committed):,} committed, {len(lost)} lost; at the latest working again after"
        f" {max(back):.1f} s and woken within 1 s again after {max(awake):.1f} s",
    )
    assert lost == set()
    assert await crashing.count("job_dead") == 0
    assert await crashing.stale_writes() == 0
    assert max(back) <= BACK_WITHIN
    assert max(awake) <= 2 * BACK_WITHIN


async def _some_ran(scene: Scene) -> None:
    before = await scene.count("ran")

    async def is_reached() -> bool:
        return await scene.count("ran") > before + 50

    await until(is_reached, 20)


async def _save_and_await(scene: Scene, number: int) -> float:
    """Save one job and wait until it runs. Returns the seconds in between."""
    while True:
        with suppress(DatabaseUnavailableError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            saved_at = await scene.database.fetchval("SELECT clock_timestamp()")
            await scene.save("note", [number])
            break
        await pause(0.02)
    latency: float | None = None

    async def is_running() -> bool:
        nonlocal latency
        latency = await scene.database.fetchval(LATENCY, number, saved_at)
        return latency is not None

    await until(is_running, 40)
    assert latency is not None
    return latency


async def _wakes_up(scene: Scene, number: int) -> None:
    """Wait until wake-ups work again: several jobs in a row start at once, which sweeps alone cannot do."""
    in_a_row = 0
    while in_a_row < WAKES_IN_A_ROW:
        latency = await _save_and_await(scene, number)
        in_a_row = in_a_row + 1 if latency < 1.0 else 0
        number -= 1
