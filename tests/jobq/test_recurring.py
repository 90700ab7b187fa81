"""Recurring jobs run once per tick, in one process, and never die of errors."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobq import ClaimedJob, Discard, Postpone, Queue, Recurring, next_tick
from jobq.testing import drain
from tests.jobq.working import NOON, Clock, Recorder, load_only_row, other_process, working

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def queue(noon_queue: Queue) -> Queue:
    return noon_queue


def tidy(queue: Queue, run: Any, every: timedelta = HOUR) -> Recurring:
    return Recurring("tidy", every, run, queue.now)


async def load_ripe_at(queue: Queue) -> datetime:
    ripe_at: datetime = (await load_only_row(queue.database))["ripe_at"]
    return ripe_at


async def fail_once(queue: Queue, job: Recurring) -> None:
    """Run one try, which fails."""
    with pytest.raises(ValueError, match="disk full"):
        await drain(queue, {"tidy": job.handler})


@given(
    st.timedeltas(-3_000 * DAY, 50_000 * DAY),
    st.timedeltas(timedelta(microseconds=1), 400 * DAY),
)
def test_the_next_tick_is_the_first_whole_multiple_after_now(age: timedelta, every: timedelta) -> None:
    now = EPOCH + age
    tick = next_tick(every, now)
    assert now < tick <= now + every
    assert (tick - EPOCH) % every == timedelta(0)


def test_a_daily_tick_is_at_midnight_utc_and_an_interval_of_zero_is_refused() -> None:
    assert next_tick(DAY, NOON) == datetime(2026, 3, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match="a time between its runs"):
        next_tick(timedelta(0), NOON)


async def test_a_recurring_job_runs_once_at_each_tick(queue: Queue, clock: Clock, note: Recorder) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    assert await drain(queue, {"tidy": job.handler}) == []
    for tick in (1, 2, 3):
        clock.at = NOON + tick * HOUR
        await drain(queue, {"tidy": job.handler})
        assert len(note.ran) == tick
        assert await load_ripe_at(queue) == NOON + (tick + 1) * HOUR


async def test_the_start_of_a_process_does_not_make_it_run_earlier(
    queue: Queue, clock: Clock, note: Recorder
) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    clock.at = NOON + 20 * MINUTE
    await queue.save(job.job)
    assert await load_ripe_at(queue) == NOON + HOUR
    assert await drain(queue, {"tidy": job.handler}) == []


async def test_missed_ticks_lead_to_one_run(queue: Queue, clock: Clock, note: Recorder) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    clock.at = NOON + 5 * HOUR + 10 * MINUTE
    await queue.save(job.job)
    await drain(queue, {"tidy": job.handler})
    assert len(note.ran) == 1
    assert await load_ripe_at(queue) == NOON + 6 * HOUR


async def test_one_of_two_processes_runs_it(queue: Queue, clock: Clock, note: Recorder, dsn: str) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    clock.at = NOON + HOUR
    async with other_process(dsn, clock) as other:
        await other.save(job.job)
        async with working(queue, {"tidy": job.handler}), working(other, {"tidy": job.handler}):
            await note.reached(1)
    assert len(note.ran) == 1
    assert await load_ripe_at(queue) == NOON + 2 * HOUR


async def test_a_clock_that_is_set_back_during_a_run_does_not_repeat_the_tick(
    queue: Queue, clock: Clock
) -> None:
    async def turn_clock_back(job: ClaimedJob) -> None:
        clock.at = NOON + 59 * MINUTE

    job = tidy(queue, turn_clock_back)
    await queue.save(job.job)
    clock.at = NOON + HOUR
    await drain(queue, {"tidy": job.handler})
    assert await load_ripe_at(queue) == NOON + 2 * HOUR


async def test_a_failed_run_is_retried_as_usual_until_the_next_tick_and_then_at_it(
    queue: Queue, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("disk full")

    job = tidy(queue, fail)
    await queue.save(job.job)
    due = []
    for minutes in (60, 65):
        clock.at = NOON + minutes * MINUTE
        await fail_once(queue, job)
        due.append(await load_ripe_at(queue) - NOON)
    clock.at = NOON + 85 * MINUTE
    with caplog.at_level(logging.ERROR):
        await drain(queue, {"tidy": job.handler})
    row = await load_only_row(queue.database)
    assert [*due, row["ripe_at"] - NOON] == [65 * MINUTE, 85 * MINUTE, 2 * HOUR]
    assert row["tries"] == 0
    assert caplog.messages == ["recurring job tidy failed until its next tick"]


async def test_a_job_that_fails_for_a_month_does_not_die(queue: Queue, clock: Clock) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("disk full")

    job = tidy(queue, fail, every=30 * DAY)
    await queue.save(job.job)
    clock.at = await load_ripe_at(queue)
    for _ in range(13):
        await fail_once(queue, job)
        clock.at = await load_ripe_at(queue)
    (settlement,) = await drain(queue, {"tidy": job.handler})
    assert settlement.outcome == "postponed"
    assert await queue.dead() == []


async def test_a_transient_error_a_postponement_and_a_discard_mean_what_they_always_mean(
    queue: Queue, clock: Clock
) -> None:
    errors: list[Exception] = [Postpone(NOON + 90 * MINUTE), asyncpg.DeadlockDetectedError(), Discard("gone")]

    async def raise_first(job: ClaimedJob) -> None:
        raise errors[0]

    job = tidy(queue, raise_first, every=timedelta(milliseconds=1))
    claimed = ClaimedJob(1, "tidy", "{}", NOON, NOON, 0, 1, 1, 13, 5, None)
    while errors:
        with pytest.raises(type(errors[0])):
            await job.handler(claimed)
        errors.pop(0)
