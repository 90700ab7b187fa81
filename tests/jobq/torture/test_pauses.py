"""Promise Q6: a worker that was paused past its lease changes nothing when it goes on."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from jobq import Queue
from tests.jobq.torture.fleet import BRISK, Fleet, WorkerProcess
from tests.jobq.torture.scene import Scene
from tests.jobq.torture.worker import HANDLERS, open_database
from tests.jobq.working import until, working
from tests.promises import Promise

PAUSED_AT_ONCE = 4
TRY_SECONDS = 0.4
"""Long enough to pause the worker meanwhile, short enough to end before the worker notices the lost lease."""


@pytest.mark.parametrize("pauses", [4, pytest.param(100, marks=pytest.mark.torture)])
async def test_a_worker_that_was_paused_past_its_lease_changes_nothing_when_it_goes_on(
    scene: Scene, fleet: Fleet, dsn: str, promise: Promise, pauses: int
) -> None:
    sleepers = await fleet.start_ready(PAUSED_AT_ONCE, concurrency=1, timing=BRISK)
    rounds = pauses // PAUSED_AT_ONCE
    for number in range(rounds):
        first = number * PAUSED_AT_ONCE
        await scene.save("drag", range(first, first + PAUSED_AT_ONCE), seconds=TRY_SECONDS)
        for sleeper in sleepers:
            await sleeper.hear("started", times=number + 1)
            sleeper.pause()
        async with _rescuer(dsn):
            await _all_run_again(scene, range(first, first + PAUSED_AT_ONCE))
            for sleeper in sleepers:
                sleeper.resume()
            for sleeper in sleepers:
                await _has_given_up(scene, sleeper, number + 1)
            await scene.left()

    finished = sum(sleeper.count("finished") for sleeper in sleepers)
    stale, runs = await scene.stale_writes(), await scene.runs()
    promise(
        "Q6",
        f"{pauses} pauses past the lease",
        f"{finished} completions sent too late, {stale} accepted, {len(runs)} jobs done",
    )
    assert stale == 0
    assert set(runs) == set(range(pauses))
    assert min(runs.values()) == 2
    assert finished >= pauses // 4, "the paused workers completed nothing"


@asynccontextmanager
async def _rescuer(dsn: str) -> AsyncIterator[None]:
    async with open_database(dsn, "rescuer") as database, working(Queue(database), HANDLERS, BRISK):
        yield


async def _all_run_again(scene: Scene, numbers: Iterable[int]) -> None:
    async def ran_twice() -> bool:
        runs = await scene.runs()
        return all(runs.get(n, 0) > 1 for n in numbers)

    await until(ran_twice, 10)


async def _has_given_up(scene: Scene, sleeper: WorkerProcess, times: int) -> None:
    """Wait until it noticed that its lease is lost, or wrote although it must not."""

    async def noticed_or_wrote() -> bool:
        return sleeper.count("lease lost") >= times or await scene.stale_writes() > 0

    await until(noticed_or_wrote, 10)
