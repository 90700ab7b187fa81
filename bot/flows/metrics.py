"""Metrics for Prometheus, and the warning when a clock is wrong. Each process has its own registry."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.clock import Clock
from bot.errors import describe_error
from bot.flows.catalog import Lane, describe_lane
from bot.flows.shared_answer import KEPT_FOR, SharedAnswer
from jobq import TRANSIENT_ERRORS, LaneStats, Queue, Settlement, is_lost_connection, wait_without_cancelling

log = structlog.get_logger()

ANSWERS_WITHIN = 2.0
"""Seconds."""
WATCH_EVERY = 60.0
"""Seconds between two looks at the clock in a process that nobody scrapes."""
WARN_EVERY = 3600.0
MOST_SKEW = timedelta(seconds=30)
RUN_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)
WAIT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 6 * 3600)


class JobMetrics:
    """Counts the jobs of this process by how they ended, and how long they waited and ran."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._settled = Counter(
            "ripe_jobs_settled", "Jobs by how their try ended.", ("job_type", "outcome"), registry=registry
        )
        self._ran = Histogram(
            "ripe_job_run_seconds",
            "How long tries ran.",
            ("job_type",),
            buckets=RUN_SECONDS,
            registry=registry,
        )
        self._waited = Histogram(
            "ripe_job_wait_seconds",
            "How long after they were due tries began.",
            ("job_type",),
            buckets=WAIT_SECONDS,
            registry=registry,
        )

    def count(self, settlement: Settlement, waited: timedelta, ran: timedelta) -> None:
        """A worker's `on_settled`."""
        job_type = settlement.job.job_type
        self._settled.labels(job_type, settlement.outcome.name.lower()).inc()
        if ran:  # a job that was given back or buried without a run neither waited nor ran
            self._ran.labels(job_type).observe(ran.total_seconds())
            self._waited.labels(job_type).observe(waited.total_seconds())


class LaneMetrics:
    """Shows how full each lane of the queue is."""

    def __init__(self, queue: Queue, registry: CollectorRegistry) -> None:
        self._queue = queue
        self._jobs = Gauge("ripe_queue_jobs", "Jobs by lane and state.", ("lane", "state"), registry=registry)
        self._age = Gauge(
            "ripe_queue_oldest_ripe_age_seconds",
            "How long the ripest job has been waiting; 0 where none is.",
            ("lane",),
            registry=registry,
        )

    async def look(self) -> None:
        """Ask Postgres. Raises what asyncpg does, and DatabaseUnavailableError."""
        stats = await self._queue.stats()
        self._jobs.clear()
        self._age.clear()
        # A lane without jobs has no row, but must show a zero and not a gap.
        empty = [LaneStats(lane, 0, 0, 0, 0, None) for lane in Lane]
        for lane in {lane.lane: lane for lane in (*empty, *stats)}.values():
            self._show(describe_lane(lane.lane), lane)

    def _show(self, name: str, lane: LaneStats) -> None:
        for state in ("ready", "blocked", "future", "leased", "dead"):
            self._jobs.labels(name, state).set(getattr(lane, state))
        self._age.labels(name).set((lane.oldest_ripe_age or timedelta(0)).total_seconds())


class DatabaseHealthMetrics:
    """Compares this process's clock with Postgres's, and shows how long dead rows were kept from cleaning."""

    def __init__(self, queue: Queue, clock: Clock, registry: CollectorRegistry) -> None:
        self._queue = queue
        self._clock = clock
        self._warned_at = -math.inf
        self._skew = Gauge(
            "ripe_clock_skew_seconds",
            "How far this process's clock is ahead of Postgres's.",
            registry=registry,
        )
        self._snapshot = Gauge(
            "ripe_oldest_snapshot_age_seconds",
            "How long the oldest transaction has kept dead rows from being cleaned.",
            registry=registry,
        )

    async def look(self) -> None:
        """Ask Postgres. Raises what asyncpg does, and DatabaseUnavailableError."""
        shift = self._clock.shift
        health = await self._queue.database_health()
        if self._clock.shift != shift:
            return  # the clock was moved meanwhile, so that the measurement says nothing
        # The sandbox's clock is ahead on purpose.
        skew = health.clock_skew - shift
        self._skew.set(skew.total_seconds())
        self._snapshot.set(health.oldest_snapshot_age.total_seconds())
        if abs(skew) > MOST_SKEW and time.monotonic() - self._warned_at >= WARN_EVERY:
            self._warned_at = time.monotonic()
            log.warning(
                "this machine's clock and Postgres's differ: reminders come early or late; check NTP on both",
                ahead_seconds=round(skew.total_seconds(), 1),
            )

    @asynccontextmanager
    async def watched(self, every: float = WATCH_EVERY) -> AsyncIterator[None]:
        """Look now and each `every` seconds, for as long as the block lasts."""
        watch = asyncio.create_task(self._watch(every))
        try:
            yield
        finally:
            watch.cancel()
            await wait_without_cancelling(watch, 1.0)

    async def _watch(self, every: float) -> None:
        while True:
            await _has_seen(self.look)
            await asyncio.sleep(every)


class Exposition:
    """The text for a scrape. Before each, all `looks` bring their gauges up to date."""

    def __init__(
        self,
        registry: CollectorRegistry,
        looks: Sequence[Callable[[], Awaitable[None]]] = (),
        *,
        kept_for: float = KEPT_FOR,
        answers_within: float = ANSWERS_WITHIN,
    ) -> None:
        self._registry = registry
        self._looks = looks
        self._answers_within = answers_within
        self._freshness = SharedAnswer(self._look, kept_for)

    async def text(self) -> bytes | None:
        """In Prometheus's text format; None if Postgres does not answer in time."""
        if self._looks and not await self._is_up_to_date():
            return None
        return generate_latest(self._registry)

    async def _is_up_to_date(self) -> bool:
        """All scrapes share one question, even one that is stuck."""
        looking = self._freshness.ask()
        return await wait_without_cancelling(looking, self._answers_within) and looking.result()

    async def _look(self) -> bool:
        return all([await _has_seen(look) for look in self._looks])


async def _has_seen(look: Callable[[], Awaitable[None]]) -> bool:
    try:
        await look()
    except Exception as error:
        if not (isinstance(error, (*TRANSIENT_ERRORS, OSError)) or is_lost_connection(error)):
            raise
        log.warning("Postgres did not answer a question about the queue", error=describe_error(error))
        return False
    return True
