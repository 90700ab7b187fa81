"""Promise Q7: workers whose clocks differ steal no lease and lose no job, and the skew is reported."""

from datetime import timedelta

import pytest

from jobq import Job, Queue, utc_now
from tests.jobq.torture.fleet import BRISK, Fleet
from tests.jobq.torture.scene import Scene
from tests.jobq.working import until
from tests.promises import Promise

APART = (timedelta(minutes=-10), timedelta(0), timedelta(minutes=10))


def _queue(scene: Scene, ahead: timedelta) -> Queue:
    return Queue(scene.database, lambda: utc_now() + ahead)


@pytest.mark.parametrize(
    ("jobs", "lasting"), [(150, 1.5), pytest.param(3_000, 10.0, marks=pytest.mark.torture)]
)
async def test_workers_whose_clocks_are_ten_minutes_apart_steal_nothing_and_lose_nothing(
    scene: Scene, fleet: Fleet, promise: Promise, jobs: int, lasting: float
) -> None:
    """Some jobs outlive their first lease, and one worker is killed while it has such jobs."""
    workers = [await fleet.start(ahead=ahead, timing=BRISK) for ahead in APART]
    for worker in workers:
        await worker.hear("ready")
    for n in range(0, jobs, 10):
        queue = _queue(scene, APART[n // 10 % len(APART)])
        await queue.save_all(
            Job(job_type="nap", arguments={"n": n + place, "seconds": 0.01 if place else lasting})
            for place in range(10)
        )

    async def is_busy() -> bool:
        return await scene.busy_pid() is not None

    await until(is_busy, 10)
    victim = fleet.by_pid(await scene.busy_pid()) or workers[0]
    await victim.kill()
    await fleet.start(ahead=APART[workers.index(victim)], timing=BRISK)
    await scene.left(within=lasting * 15)

    runs, stolen = await scene.runs(), await scene.stolen()
    skews = [(await _queue(scene, ahead).database_health()).clock_skew for ahead in APART]
    worst = max(abs(skew - ahead) for skew, ahead in zip(skews, APART, strict=True))
    rescues, abandoned = await scene.rescues(), await scene.abandoned()
    promise(
        "Q7",
        f"workers 10 minutes behind and ahead, {jobs:,} jobs, a kill",
        f"{len(runs):,} done, {stolen} live leases stolen, {rescues} rescues, all of the killed one;"
        f" skew reported to within {worst.total_seconds() * 1000:.0f} ms",
    )
    assert set(runs) == set(range(jobs))
    assert stolen == 0
    assert set(abandoned) <= {victim.name}
    assert rescues == sum(abandoned.values())
    assert await scene.stale_writes() == 0
    assert worst < timedelta(seconds=1)
