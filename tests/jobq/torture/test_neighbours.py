"""Promise Q13: a limited number of jobs of a concurrency key run at once, and they hold up no other."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import accumulate

import pytest

from jobq import Job, utc_now
from tests.jobq.torture.fleet import Fleet, WorkerProcess
from tests.jobq.torture.scene import Scene, percentile
from tests.jobq.working import until
from tests.promises import Promise

SLOW_SECONDS = 5.0
LIMIT = 2


def slow(n: int) -> Job:
    arguments = {"n": n, "seconds": SLOW_SECONDS}
    return Job(job_type="nap", arguments=arguments, concurrency_key="slow", concurrency_limit=LIMIT)


@pytest.mark.parametrize(
    ("slow_jobs", "others"),
    [
        (1_000, 40),
        pytest.param(1_000, 1_000, marks=pytest.mark.torture),
        pytest.param(10_000, 1_000, marks=pytest.mark.torture),
    ],
)
async def test_a_slow_key_with_many_jobs_holds_up_no_other_key(
    scene: Scene, fleet: Fleet, promise: Promise, slow_jobs: int, others: int
) -> None:
    """Every slow job is due before the others, and all slots of its key are taken."""
    await fleet.start_ready(2, concurrency=4)
    saved_at: dict[int, float] = {}

    async def save_other(n: int) -> None:
        saved_at[n] = utc_now().timestamp()
        key = f"key {n % 10}" if n % 5 else None
        await scene.queue.save(Job(job_type="note", arguments={"n": n}, concurrency_key=key))

    await scene.queue.save_all(slow(n) for n in range(slow_jobs))
    for n in range(slow_jobs, slow_jobs + others):
        await save_other(n)
        await asyncio.sleep(0.02)

    async def all_ran() -> bool:
        count = await scene.database.fetchval("SELECT count(*) FROM ran WHERE n >= $1", slow_jobs)
        return int(count) == others

    await until(all_ran, 10)
    rows = await scene.database.fetch(
        "SELECT n, extract(epoch FROM started_at)::float AS at FROM ran WHERE n >= $1", slow_jobs
    )
    late = [row["at"] - saved_at[row["n"]] for row in rows]
    running = await scene.database.fetchval(
        "SELECT count(*) FROM job WHERE leased_until IS NOT NULL AND concurrency_key = 'slow'"
    )
    promise(
        "Q13",
        f"{slow_jobs:,} jobs of one key at {SLOW_SECONDS:.0f} s, 8 slots, {others:,} jobs of other keys",
        f"others late by {percentile(late, 0.5) * 1000:.0f} ms (median),"
        f" {percentile(late, 0.99) * 1000:.0f} ms (p99); {running} slow jobs run",
    )
    assert percentile(late, 0.99) < 1.0
    assert running <= LIMIT


@pytest.mark.parametrize(("jobs", "kills"), [(60, 2), pytest.param(2_000, 40, marks=pytest.mark.torture)])
async def test_a_limit_holds_over_all_processes_even_if_they_are_killed(
    scene: Scene, fleet: Fleet, promise: Promise, jobs: int, kills: int
) -> None:
    await scene.queue.save_all(
        Job(
            job_type="nap",
            arguments={"n": n, "seconds": 0.03},
            concurrency_key=f"key {n % 3}",
            concurrency_limit=LIMIT,
        )
        for n in range(jobs)
    )
    killed_at: dict[int, float] = {}
    for _ in range(3):
        await fleet.start(concurrency=5)
    for kill in range(1, kills + 1):
        await scene.left(jobs - jobs * kill // (kills + 1), within=60)
        victim = fleet.running()[0]
        await victim.kill()
        killed_at[victim.pid] = time.monotonic()
        await fleet.start(concurrency=5)
    await scene.left(within=60)
    for worker in fleet.running():
        await worker.terminate()

    runs = await scene.runs()
    keys = {row["job_id"]: row["n"] % 3 for row in await scene.database.fetch("SELECT job_id, n FROM ran")}
    most = {key: _most_at_once(_list_runs(fleet.workers, killed_at, keys, key)) for key in range(3)}
    promise(
        "Q13",
        f"{jobs:,} jobs of 3 keys with limit {LIMIT}, 3 processes, {kills} kills",
        f"{len(runs):,} done, at most {max(most.values())} of a key at once",
    )
    assert set(runs) == set(range(jobs))
    assert set(most.values()) == {LIMIT}


def _list_runs(
    workers: Iterable[WorkerProcess], killed_at: dict[int, float], keys: dict[int, int], key: int
) -> Iterator[tuple[float, float]]:
    """When each run of a job of this key began and ended. A kill ended what ran."""
    for worker in workers:
        lines = [line.split() for line in worker.lines if line.startswith(("started", "finished"))]
        ended = {tuple(ids): float(at) for word, *ids, at in lines if word == "finished"}
        for word, *ids, at in lines:
            if word == "started" and keys[int(ids[0])] == key:
                yield float(at), ended.get(tuple(ids)) or killed_at[worker.pid]


def _most_at_once(runs: Iterable[tuple[float, float]]) -> int:
    changes = sorted(change for begin, end in runs for change in ((begin, 1), (end, -1)))
    return max(accumulate(change for _, change in changes))
