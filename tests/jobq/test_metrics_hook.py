"""What an observer of a worker hears, and that it cannot hurt a job."""

import logging
from datetime import timedelta

import pytest

from jobq import ClaimedJob, Database, Job, Outcome, Queue, Settlement
from tests.jobq.working import NOON, Clock, Log, working

Heard = tuple[str, Outcome, timedelta, timedelta]


class Observer:
    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def __call__(self, settlement: Settlement, waited: timedelta, ran: timedelta) -> None:
        self.heard.append((settlement.job.job_type, settlement.outcome, waited, ran))


async def test_an_observer_hears_once_how_late_a_job_began_how_long_it_ran_and_how_it_ended(
    db: Database,
) -> None:
    clock, note, observer = Clock(), Log(), Observer()
    queue = Queue(db, clock)

    async def fail(job: ClaimedJob) -> None:
        await note(job)
        raise ValueError("no such channel")

    await queue.save(Job(job_type="note").runs_at(NOON - timedelta(minutes=3)))
    await queue.save(Job(job_type="fail"))
    async with working(queue, {"note": note, "fail": fail}, concurrency=1, on_settled=observer):
        await note.reached(2)
    (first, second) = observer.heard
    assert first[:3] == ("note", Outcome.DONE, timedelta(minutes=3))
    assert second[:3] == ("fail", Outcome.RETRIED, timedelta(0))
    assert all(timedelta(0) < ran < timedelta(seconds=10) for *_, ran in observer.heard)


async def test_a_clock_that_goes_back_never_makes_a_wait_negative(db: Database) -> None:
    clock, note, observer = Clock(), Log(), Observer()

    async def travel(job: ClaimedJob) -> None:
        clock.at = NOON - timedelta(hours=1)
        await note(job)

    queue = Queue(db, clock)
    await queue.save(Job(job_type="travel").runs_at(NOON - timedelta(minutes=1)))
    await queue.save(Job(job_type="note"))
    async with working(
        queue, {"travel": travel, "note": note}, concurrency=1, prefetch=1, on_settled=observer
    ):
        await note.reached(2)
    assert [heard[:3] for heard in observer.heard] == [
        ("travel", Outcome.DONE, timedelta(minutes=1)),
        ("note", Outcome.DONE, timedelta(0)),
    ]


async def test_a_job_that_dies_without_running_neither_waited_nor_ran(queue: Queue, note: Log) -> None:
    observer = Observer()
    await queue.save(Job(job_type="killer", max_retries=2))
    await queue.database.execute(
        "UPDATE job SET tries = 3, fence = 3, leased_until = now() - interval '1 second'"
    )
    await queue.save(Job(job_type="note"))
    async with working(queue, {"note": note}, concurrency=1, on_settled=observer):
        await note.reached(1)
    assert observer.heard[0] == ("killer", Outcome.DEAD, timedelta(0), timedelta(0))


async def test_an_observer_that_raises_hurts_no_job_and_is_logged(
    queue: Queue, note: Log, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(settlement: Settlement, waited: timedelta, ran: timedelta) -> None:
        raise RuntimeError("the registry is full")

    await queue.save_all([Job(job_type="note", arguments={"n": n}) for n in range(3)])
    with caplog.at_level(logging.ERROR):
        async with working(queue, {"note": note}, concurrency=1, on_settled=broken):
            await note.reached(3)
    assert await queue.stats() == []
    assert caplog.messages == ["an observer failed"] * 3
