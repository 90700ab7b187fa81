"""Worker processes that are killed, paused, stopped, or kill themselves, once each."""

import signal

from jobq import Job, Queue
from tests.jobq.torture.fleet import BRISK, Fleet
from tests.jobq.torture.scene import Scene


async def test_a_job_runs_again_after_its_worker_was_killed(scene: Scene, fleet: Fleet) -> None:
    await scene.save("hang", [0])
    first = await fleet.start(timing=BRISK)
    await first.hear("started")
    await first.kill()

    second = await fleet.start(timing=BRISK)
    await scene.left()

    rows = await scene.database.fetch("SELECT job_id, pid FROM ran")
    assert len(rows) == 2
    assert len({row["job_id"] for row in rows}) == 1
    assert {row["pid"] for row in rows} == {first.pid, second.pid}


async def test_a_worker_that_was_paused_past_its_lease_does_not_touch_the_next_job(
    scene: Scene, fleet: Fleet
) -> None:
    await scene.save("nap", [0], seconds=0.2)
    paused = await fleet.start(timing=BRISK)
    await paused.hear("started")
    paused.pause()
    await fleet.start(timing=BRISK)
    await scene.left()

    await scene.save("nap", [0], seconds=0.2)
    new_id = await scene.database.fetchval("SELECT id FROM job")
    paused.resume()
    await scene.left()

    assert await scene.database.fetchval("SELECT count(*) FROM ran WHERE job_id = $1", new_id) == 1
    assert await scene.stale_writes() == 0


async def test_a_terminated_worker_finishes_its_jobs_and_exits_with_zero(scene: Scene, fleet: Fleet) -> None:
    await scene.save("nap", range(5), seconds=0.2)
    worker = await fleet.start(timing=BRISK)
    await worker.hear("started")
    await worker.terminate()

    assert worker.count("ended") == 1
    assert worker.process.returncode == 0
    unfinished = "SELECT count(*) FROM job WHERE leased_until IS NOT NULL OR tries > 0"
    assert await scene.database.fetchval(unfinished) == 0
    assert await scene.runs() == dict.fromkeys(range(5), 1)


async def test_a_job_that_kills_its_process_dies_alone(queue: Queue, scene: Scene, fleet: Fleet) -> None:
    await queue.save(Job(job_type="poison", arguments={"n": 5}, max_retries=2))
    await queue.save_all([Job(job_type="note", arguments={"n": n}, max_retries=2) for n in range(5)])
    for _ in range(3):
        killed = await fleet.start(timing=BRISK)
        assert await killed.end() == -signal.SIGKILL
    await fleet.start(timing=BRISK)
    await scene.left()

    (dead,) = await queue.dead()
    assert dead.job.job_type == "poison"
    runs = await scene.runs()
    assert {n for n in runs if n < 5} == set(range(5))
