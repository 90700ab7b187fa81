"""Promise Q1: `kill -9` loses no job. Promise Q9: a job that kills its process dies alone."""

import signal

import pytest

from jobq import Timing
from tests.jobq.torture.fleet import HASTY, Fleet
from tests.jobq.torture.scene import Scene
from tests.jobq.working import until
from tests.promises import Promise


@pytest.mark.parametrize(("jobs", "kills"), [(120, 4), pytest.param(5_000, 200, marks=pytest.mark.torture)])
async def test_kill_9_loses_no_job_and_repeats_only_what_ran(
    scene: Scene, fleet: Fleet, promise: Promise, jobs: int, kills: int
) -> None:
    """A worker of concurrency 1 leases the job that it runs, and maybe one whose settlement it is writing."""
    await scene.save("nap", range(jobs), seconds=0.03)
    for _ in range(4):
        await fleet.start(concurrency=1)
    for kill in range(1, kills + 1):
        await scene.left(jobs - jobs * kill // (kills + 1), within=60)
        await _kill_a_busy_worker(scene, fleet)
        await fleet.start(concurrency=1)
    await scene.left(within=60)

    runs, abandoned = await scene.runs(), await scene.abandoned()
    extra, most = sum(runs.values()) - len(runs), max(abandoned.values())
    rescue = (await scene.slowest_rescue()).total_seconds() - HASTY.lease.total_seconds()
    promise(
        "Q1",
        f"{kills} kills in {jobs:,} jobs, concurrency 1",
        f"{len(runs):,} done, {extra} extra runs (bound: 2 a kill; most by one: {most}),"
        f" the slowest rescue {rescue:.2f} s after its lease",
    )
    assert set(runs) == set(range(jobs))
    assert await scene.count("job_dead") == 0
    assert set(abandoned) <= {
        worker.name for worker in fleet.workers if worker.process.returncode == -signal.SIGKILL
    }
    assert extra <= sum(abandoned.values()) == await scene.rescues()
    assert extra <= 2 * kills
    assert extra > kills // 2, "the kills hit idle workers"


async def _kill_a_busy_worker(scene: Scene, fleet: Fleet) -> None:
    async def is_done() -> bool:
        victim = fleet.by_pid(await scene.busy_pid())
        if victim is None:
            return False
        await victim.kill()
        return True

    await until(is_done, 20)


@pytest.mark.parametrize(
    ("timing", "within"), [(HASTY, 4.0), pytest.param(Timing(), 35.0, marks=pytest.mark.torture)]
)
async def test_the_job_of_a_killed_worker_runs_again_soon(
    scene: Scene, fleet: Fleet, promise: Promise, timing: Timing, within: float
) -> None:
    victim, _ = await fleet.start_ready(2, timing=timing)
    await scene.save("hang", [1])

    async def is_running() -> bool:
        return await scene.count("ran") == 1

    await until(is_running, 10)
    victim = fleet.by_pid(await scene.busy_pid()) or victim
    await victim.kill()
    killed_at = await scene.database.fetchval("SELECT clock_timestamp()")
    await scene.left(within=60)

    again_at = await scene.database.fetchval("SELECT started_at FROM ran WHERE tries = 2")
    rescue = (again_at - killed_at).total_seconds()
    promise("Q1", f"rescue with a lease of {timing.lease.total_seconds():.1f} s", f"{rescue:.1f} s")
    assert rescue <= within


@pytest.mark.torture
async def test_a_poison_job_dies_after_its_tries_and_its_neighbours_finish(
    scene: Scene, fleet: Fleet, promise: Promise
) -> None:
    """The small size of this test is in test_processes.py."""
    poisons, neighbours, retries = 5, 200, 5
    await scene.save("nap", range(neighbours), seconds=0.05)
    await scene.save("poison", range(neighbours, neighbours + poisons))
    await scene.database.execute("UPDATE job SET max_retries = $1", retries)
    deaths = 0
    await fleet.start_ready(2)

    async def is_done() -> bool:
        nonlocal deaths
        while len(fleet.running()) < 2:
            deaths += 1
            await fleet.start()
        return await scene.count("job") == 0

    await until(is_done, 150)
    runs, dead = await scene.runs(), await scene.queue.dead()
    done = [n for n in runs if n < neighbours]
    promise(
        "Q9",
        f"{poisons} poison jobs, {retries + 1} tries each, among {neighbours}",
        f"{len(dead)} dead, {len(done)} neighbours done, {deaths} processes killed",
    )
    assert [(job.job.job_type, job.tries) for job in dead] == [("poison", retries + 1)] * poisons
    assert len(done) == neighbours
    assert {worker.process.returncode for worker in fleet.workers} == {None, -signal.SIGKILL}
    assert deaths <= poisons * (retries + 1)
