"""The counters and timers of jobs, and the warning that a clock is wrong."""

import asyncio
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bot.clock import Clock
from bot.flows.metrics import DatabaseHealthMetrics, JobMetrics
from jobq import ClaimedJob, Database, Outcome, Queue, Settlement, utc_now
from tests.factories import MONDAY

SECOND = timedelta(seconds=1)
WRONG = "this machine's clock and Postgres's differ: reminders come early or late; check NTP on both"


def settled(outcome: Outcome, job_type: str = "note") -> Settlement:
    return Settlement(ClaimedJob(1, job_type, "{}", None, MONDAY, 0, 1, 1, 13, 5, None), outcome)


class Settable(Clock):
    """The sandbox's clock on a machine whose own is wrong by `error`."""

    def __init__(self, error: timedelta, shift: timedelta = timedelta(0)) -> None:
        super().__init__(shift)
        self.error = error
        self.reads = 0
        self.has_been_read_often = asyncio.Event()

    def now(self) -> datetime:
        self.reads += 1
        if self.reads >= 6:
            self.has_been_read_often.set()
        return utc_now() + self.shift + self.error


def test_jobs_are_counted_by_type_and_outcome_and_timed_only_if_they_ran() -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    metrics.count(settled(Outcome.DONE), 3 * SECOND, 2 * SECOND)
    metrics.count(settled(Outcome.DONE), timedelta(0), 4 * SECOND)
    metrics.count(settled(Outcome.GIVEN_BACK), timedelta(0), timedelta(0))
    metrics.count(settled(Outcome.DONE, "other"), timedelta(0), SECOND)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"job_type": "note", **labels})

    assert value("ripe_jobs_settled_total", outcome="done") == 2
    assert value("ripe_jobs_settled_total", outcome="given_back") == 1
    assert (value("ripe_job_run_seconds_sum"), value("ripe_job_run_seconds_count")) == (6, 2)
    assert (value("ripe_job_wait_seconds_sum"), value("ripe_job_wait_seconds_count")) == (3, 2)
    assert value("ripe_job_wait_seconds_bucket", le="1.0") == 1


@pytest.mark.parametrize("error", [timedelta(minutes=-2), timedelta(minutes=2)])
async def test_a_clock_that_is_wrong_is_measured_and_warned_of_once_an_hour(
    db: Database, error: timedelta
) -> None:
    registry, clock = CollectorRegistry(), Settable(error)
    metrics = DatabaseHealthMetrics(Queue(db, clock.now), clock, registry)
    with capture_logs() as logs:
        await metrics.look()
        await metrics.look()
    assert [entry["event"] for entry in logs] == [WRONG]
    assert logs[0]["ahead_seconds"] == pytest.approx(error.total_seconds(), abs=1)
    assert registry.get_sample_value("ripe_clock_skew_seconds") == pytest.approx(error.total_seconds(), abs=1)


async def test_a_clock_that_is_right_or_moved_in_the_sandbox_is_nothing_to_warn_of(db: Database) -> None:
    for clock in (Settable(20 * SECOND), Settable(timedelta(0), shift=timedelta(days=3))):
        with capture_logs() as logs:
            await DatabaseHealthMetrics(Queue(db, clock.now), clock, CollectorRegistry()).look()
        assert logs == []


async def test_a_watched_clock_is_looked_at_again_and_again(db: Database) -> None:
    clock = Settable(timedelta(0))
    metrics = DatabaseHealthMetrics(Queue(db, clock.now), clock, CollectorRegistry())
    async with asyncio.timeout(10), metrics.watched(every=0):
        await clock.has_been_read_often.wait()


async def test_a_watch_outlives_a_database_that_is_away(dsn: str) -> None:
    clock, database = Settable(timedelta(0)), Database(dsn)
    metrics = DatabaseHealthMetrics(Queue(database, clock.now), clock, CollectorRegistry())
    async with asyncio.timeout(10), metrics.watched(every=0):
        await asyncio.sleep(0)
        async with database:
            await clock.has_been_read_often.wait()
