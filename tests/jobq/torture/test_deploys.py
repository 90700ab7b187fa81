"""Promise Q2: stopping and starting workers, as a deploy does, costs no lease, no try and no second run."""

import pytest

from jobq import Timing
from tests.jobq.torture.fleet import Fleet
from tests.jobq.torture.scene import Scene
from tests.promises import Promise

GRACE = 0.5
LATE = 1.0
"""Seconds that a worker may take beyond the grace, to write settlements and close connections."""


@pytest.mark.parametrize(
    ("jobs", "restarts"), [(400, 3), pytest.param(10_000, 50, marks=pytest.mark.torture)]
)
async def test_restarts_under_load_cost_no_lease_no_try_and_no_run(
    scene: Scene, fleet: Fleet, promise: Promise, jobs: int, restarts: int
) -> None:
    """The default lease is longer than the small size of this test, so a lease left behind would show."""
    options = {"concurrency": 10, "prefetch": 20, "timing": Timing(), "grace": GRACE}
    await scene.save("nap", range(jobs), seconds=0.03)
    # The first try of these outlasts the grace: it is given back and run again.
    await scene.save("drag", range(jobs, jobs + 2 * restarts), seconds=GRACE / 3)
    await scene.save("hang", range(jobs + 2 * restarts, jobs + 3 * restarts))
    await scene.database.execute("UPDATE job SET ripe_at = created_at - random() * interval '1 hour'")
    await fleet.start_ready(2, **options)
    total = jobs + 3 * restarts
    seconds = []
    for restart in range(1, restarts + 1):
        await scene.left(total - total * restart // (restarts + 2), within=60)
        oldest = fleet.running()[0]
        # Before a worker is ready, a signal simply ends it.
        await fleet.start_ready(1, **options)
        seconds.append(await oldest.terminate())
    for worker in fleet.running():
        await worker.terminate()
    await fleet.start_ready(1, **options)
    await scene.left(within=25)

    runs, codes = await scene.runs(), {worker.process.returncode for worker in fleet.workers[:-1]}
    tries = await scene.database.fetchval("SELECT max(tries) FROM ran")
    promise(
        "Q2",
        f"{restarts} SIGTERMs under load, grace {GRACE:.1f} s",
        f"{len(runs):,} of {total:,} done, {await scene.rescues()} rescues, most tries {tries},"
        f" slowest exit {max(seconds):.2f} s, exit codes {codes}",
    )
    assert set(runs) == set(range(total))
    assert await scene.rescues() == 0
    assert tries == 1
    assert sum(runs[n] for n in range(jobs)) == jobs
    assert max(seconds) <= GRACE + LATE
    assert codes == {0}
