"""An observer of a worker is called once for each job, and its errors affect no job."""

import logging
from datetime import timedelta

import pytest

from jobq import ClaimedJob, Job, Outcome, Queue, Settlement, utc_now
from tests.jobq.working import NOON, Clock, Recorder, expire_leases, working


class Observer:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Outcome, timedelta, timedelta]] = []
        """Job type, outcome, delay, running time."""

    def __call__(self, settlement: Settlement, late: timedelta, ran: timedelta) -> None:
        self.calls.append((settlement.job.job_type, settlement.outcome, late, ran))


async def test_an_observer_gets_the_outcome_the_delay_and_the_running_time_of_each_job(
    noon_queue: Queue, note: Recorder
) -> None:
    queue, observer = noon_queue, Observer()

    async def fail(job: ClaimedJob) -> None:
        await note(job)
        raise ValueError("no such channel")

    await queue.save(Job(job_type="note").runs_at(NOON - timedelta(minutes=3)))
    await queue.save(Job(job_type="fail"))
    began_at = utc_now()
    async with working(queue, {"note": note, "fail": fail}, concurrency=1, on_settled=observer):
        await note.reached(2)
    took = utc_now() - began_at
    first, second = observer.calls
    assert first[:3] == ("note", Outcome.DONE, timedelta(minutes=3))
    assert second[:3] == ("fail", Outcome.RETRIED, timedelta(0))
    assert all(timedelta(0) < ran <= took for *_, ran in observer.calls)


async def test_a_clock_that_goes_back_never_makes_a_delay_negative(
    noon_queue: Queue, clock: Clock, note: Recorder
) -> None:
    queue, observer = noon_queue, Observer()

    async def turn_clock_back(job: ClaimedJob) -> None:
        clock.at = NOON - timedelta(hours=1)
        await note(job)

    await queue.save(Job(job_type="turn").runs_at(NOON - timedelta(minutes=1)))
    await queue.save(Job(job_type="note"))
    async with working(
        queue, {"turn": turn_clock_back, "note": note}, concurrency=1, prefetch=1, on_settled=observer
    ):
        await note.reached(2)
    assert [call[:3] for call in observer.calls] == [
        ("turn", Outcome.DONE, timedelta(minutes=1)),
        ("note", Outcome.DONE, timedelta(0)),
    ]


async def test_a_job_that_dies_without_running_has_no_delay_or_running_time(
    queue: Queue, note: Recorder
) -> None:
    observer = Observer()
    await queue.save(Job(job_type="killer", max_retries=2))
    await expire_leases(queue.database, tries=3)
    await queue.save(Job(job_type="note"))
    async with working(queue, {"note": note}, concurrency=1, on_settled=observer):
        await note.reached(1)
    assert observer.calls[0] == ("killer", Outcome.DEAD, timedelta(0), timedelta(0))


async def test_an_error_of_an_observer_is_logged_and_affects_no_job(
    queue: Queue, note: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(settlement: Settlement, late: timedelta, ran: timedelta) -> None:
        raise RuntimeError("the registry is full")

    await queue.save_all([Job(job_type="note", arguments={"n": n}) for n in range(3)])
    with caplog.at_level(logging.ERROR):
        async with working(queue, {"note": note}, concurrency=1, on_settled=broken):
            await note.reached(3)
    assert await queue.stats() == []
    assert caplog.messages == ["an observer failed"] * 3
