"""Promise Q11: a transaction that touched a running job and does not end delays no other job."""

from collections.abc import Awaitable, Callable

import pytest

from jobq import Database, Job, Queue, Timing
from tests.jobq.torture.fleet import BRISK, Fleet
from tests.jobq.torture.scene import Scene
from tests.jobq.working import until
from tests.promises import Promise

JOBS = 50
STUCK = 10
COMPLETIONS = """
SELECT ran.n, extract(epoch FROM settled.at - ran.started_at)::float AS seconds
FROM ran JOIN audit AS settled ON settled.job_id = ran.job_id AND settled.fence = ran.fence
WHERE settled.what = 'settled'
"""
LOCK = "SELECT FROM job WHERE (arguments->>'n')::int = $1 AND leased_until > now() FOR UPDATE"
Touch = Callable[[Queue, Job], Awaitable[object]]


async def lock(queue: Queue, job: Job) -> None:
    """Lock the row of a running job."""
    await queue.database.execute(LOCK, job.arguments["n"])


@pytest.mark.parametrize(
    "timing", [BRISK, pytest.param(Timing(), marks=pytest.mark.torture)], ids=["brisk", "default"]
)
@pytest.mark.parametrize("touch", [lock, Queue.save], ids=["a lock", "a save"])
async def test_one_stuck_transaction_stalls_no_other_job(
    scene: Scene, fleet: Fleet, dsn: str, promise: Promise, timing: Timing, touch: Touch
) -> None:
    """Some jobs end before their first lease, some much later, so that they need heartbeats."""
    lease = timing.lease.total_seconds()
    lasting = {n: 0.3 + 1.2 * lease * n / JOBS for n in range(JOBS)}
    jobs = [Job(job_type="nap", arguments={"n": n, "seconds": seconds}) for n, seconds in lasting.items()]
    deadlocks = await scene.deadlocks()
    await fleet.start_ready(2, concurrency=JOBS, timing=timing)
    await scene.queue.save_all(jobs)

    async def all_run() -> bool:
        return await scene.count("ran") == JOBS

    await until(all_run, 5)
    # Without idle_in_transaction_session_timeout, so that nothing ends the session.
    async with Database(dsn, session={"application_name": "stuck"}) as database, database.transaction():
        await touch(Queue(database), jobs[STUCK])
        assert await scene.database.fetch(f"{LOCK} SKIP LOCKED", STUCK) == [], "nothing is locked"
        await scene.left(1, within=2 * lease)
        rescues = await scene.rescues()
    await scene.left(within=3 * lease)

    runs = await scene.runs()
    rows = await scene.database.fetch(COMPLETIONS)
    slowest = max(row["seconds"] - lasting[row["n"]] for row in rows if row["n"] != STUCK)
    deadlocks = await scene.deadlocks() - deadlocks
    promise(
        "Q11",
        f"one of {JOBS} running jobs touched for {1.2 * lease:.1f} s, lease {lease:.1f} s",
        f"{sum(1 for n in runs if n != STUCK)} others done, {rescues} lost their lease,"
        f" the slowest completion {slowest * 1000:.0f} ms late, {deadlocks} deadlocks;"
        f" the touched one ran {runs[STUCK]} times",
    )
    assert (rescues, deadlocks) == (0, 0)
    assert {n for n, count in runs.items() if count == 1} >= set(range(JOBS)) - {STUCK}
    assert slowest < 1.0
    assert await scene.stale_writes() == 0
    assert runs[STUCK] >= (1 if touch is lock else 2)
