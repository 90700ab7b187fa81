"""Promise Q4: connections that are cut again and again lose no job."""

import pytest

from jobq import Timing
from tests.jobq.torture.fleet import HASTY, Fleet
from tests.jobq.torture.scene import Scene
from tests.jobq.working import pause
from tests.promises import Promise

CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'worker-%'
"""
EVERY = 0.1


@pytest.mark.parametrize(
    ("timing", "seconds", "jobs"),
    [(HASTY, 2, 100), pytest.param(Timing(), 60, 3_000, marks=pytest.mark.torture)],
)
async def test_workers_whose_connections_are_cut_all_the_time_lose_no_job(
    scene: Scene, fleet: Fleet, promise: Promise, timing: Timing, seconds: int, jobs: int
) -> None:
    await fleet.start_ready(2, concurrency=5, timing=timing)
    cuts, saved = 0, 0
    beats = round(seconds / EVERY)
    for beat in range(beats):
        until_now = jobs * (beat + 1) // beats
        await scene.save("nap", range(saved, until_now), seconds=0.02)
        saved = until_now
        await pause(EVERY)
        cuts += await scene.database.fetchval(CUT)
    done_meanwhile = jobs - await scene.count("job")
    await scene.left(within=120)

    runs = await scene.runs()
    promise(
        "Q4",
        f"all connections cut every {EVERY * 1000:.0f} ms for {seconds} s",
        f"{cuts:,} cut, {len(runs):,} of {jobs:,} done, {done_meanwhile:,} of them meanwhile,"
        f" {sum(runs.values()) - len(runs)} extra runs",
    )
    assert set(runs) == set(range(jobs))
    assert await scene.count("job_dead") == 0
    assert await scene.stale_writes() == 0
    assert await scene.stolen() == 0
    assert cuts > beats
    assert len(fleet.running()) == 2
