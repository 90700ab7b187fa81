"""Jobs that come again and again."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobq import ClaimedJob, Database, Discard, Postpone, Queue, Recurring, next_tick
from jobq.testing import drain
from tests.jobq.working import NOON, Clock, Log, another, only_row, working

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(db: Database, clock: Clock) -> Queue:
    return Queue(db, clock)


def tidy(queue: Queue, run: Any, every: timedelta = HOUR) -> Recurring:
    return Recurring("tidy", every, run, queue.now)


async def drain_what_fails(queue: Queue, job: Recurring) -> None:
    """One try, whose error the queue has taken down."""
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


def test_a_day_begins_at_midnight_utc_and_no_time_between_runs_is_refused() -> None:
    assert next_tick(DAY, NOON) == datetime(2026, 3, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match="a time between its runs"):
        next_tick(timedelta(0), NOON)


async def test_it_runs_at_each_tick_once_and_waits_for_the_next(
    queue: Queue, clock: Clock, note: Log
) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    assert await drain(queue, {"tidy": job.handler}) == []
    for tick in (1, 2, 3):
        clock.at = NOON + tick * HOUR
        await drain(queue, {"tidy": job.handler})
        assert len(note.ran) == tick
        assert (await only_row(queue.database))["ripe_at"] == NOON + (tick + 1) * HOUR


async def test_a_process_that_starts_does_not_make_it_run_earlier(
    queue: Queue, clock: Clock, note: Log
) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    clock.at = NOON + 20 * MINUTE
    await queue.save(job.job)
    assert (await only_row(queue.database))["ripe_at"] == NOON + HOUR
    assert await drain(queue, {"tidy": job.handler}) == []


async def test_ticks_that_were_missed_are_made_up_for_by_one_run(
    queue: Queue, clock: Clock, note: Log
) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    clock.at = NOON + 5 * HOUR + 10 * MINUTE
    await queue.save(job.job)
    await drain(queue, {"tidy": job.handler})
    assert len(note.ran) == 1
    assert (await only_row(queue.database))["ripe_at"] == NOON + 6 * HOUR


async def test_of_two_processes_one_runs_it(queue: Queue, clock: Clock, note: Log, dsn: str) -> None:
    job = tidy(queue, note)
    await queue.save(job.job)
    clock.at = NOON + HOUR
    async with another(dsn, clock) as other:
        await other.save(job.job)
        async with working(queue, {"tidy": job.handler}), working(other, {"tidy": job.handler}):
            await note.reached(1)
    assert len(note.ran) == 1
    assert (await only_row(queue.database))["ripe_at"] == NOON + 2 * HOUR


async def test_a_clock_that_was_set_back_during_a_run_does_not_make_it_run_that_tick_again(
    queue: Queue, clock: Clock
) -> None:
    async def travel(job: ClaimedJob) -> None:
        clock.at = NOON + 59 * MINUTE

    job = tidy(queue, travel)
    await queue.save(job.job)
    clock.at = NOON + HOUR
    await drain(queue, {"tidy": job.handler})
    assert (await only_row(queue.database))["ripe_at"] == NOON + 2 * HOUR


async def test_what_fails_is_retried_as_usual_before_the_next_tick_and_then_at_it(
    queue: Queue, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("disk full")

    job = tidy(queue, fail)
    await queue.save(job.job)
    due = []
    for minutes in (60, 65):
        clock.at = NOON + minutes * MINUTE
        await drain_what_fails(queue, job)
        due.append((await only_row(queue.database))["ripe_at"] - NOON)
    clock.at = NOON + 85 * MINUTE
    with caplog.at_level(logging.ERROR):
        await drain(queue, {"tidy": job.handler})
    row = await only_row(queue.database)
    assert [*due, row["ripe_at"] - NOON] == [65 * MINUTE, 85 * MINUTE, 2 * HOUR]
    assert row["tries"] == 0
    assert caplog.messages == ["recurring job tidy failed until its next tick"]


async def test_failing_for_a_month_never_kills_it(queue: Queue, clock: Clock) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("disk full")

    job = tidy(queue, fail, every=30 * DAY)
    await queue.save(job.job)
    clock.at = (await only_row(queue.database))["ripe_at"]
    for _ in range(13):
        await drain_what_fails(queue, job)
        clock.at = (await only_row(queue.database))["ripe_at"]
    (settlement,) = await drain(queue, {"tidy": job.handler})
    assert settlement.outcome == "postponed"
    assert await queue.dead() == []


async def test_a_lost_connection_or_a_postponement_is_none_of_its_business(
    queue: Queue, clock: Clock
) -> None:
    errors: list[Exception] = [Postpone(NOON + 90 * MINUTE), asyncpg.DeadlockDetectedError(), Discard("gone")]

    async def pass_on(job: ClaimedJob) -> None:
        raise errors[0]

    job = tidy(queue, pass_on, every=timedelta(milliseconds=1))
    claimed = ClaimedJob(1, "tidy", "{}", NOON, NOON, 0, 1, 1, 13, 5, None)
    while errors:
        with pytest.raises(type(errors[0])):
            await job.handler(claimed)
        errors.pop(0)
