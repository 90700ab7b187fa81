"""The queue: what an application does with jobs. What a worker does with them is in claims.py."""

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from jobq.clock import utc_now
from jobq.db import Database
from jobq.job import Job
from jobq.sql import (
    CANCEL,
    DEAD,
    PRUNE,
    QUEUED,
    RESCHEDULE,
    REVIVE,
    RIPE_LANES,
    SAVE,
    SAVE_ALL,
    STATS,
    TAKE,
    VITALS,
)
from jobq.wake import Bell, Wake

SWEEP_EVERY = timedelta(seconds=3)
"""How often a worker looks everywhere. What ripens later than this needs no wake-up when it is saved."""


@dataclass(frozen=True, slots=True)
class LaneStats:
    """How full a lane is. `oldest_ripe_age` is how long the ripest job has been waiting."""

    lane: int
    ready: int
    future: int
    leased: int
    dead: int
    oldest_ripe_age: timedelta | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the queue needs of its surroundings."""

    clock_skew: timedelta
    """How far the application's clock is ahead of Postgres's, to within half a round trip."""
    oldest_snapshot_age: timedelta
    """How long the oldest transaction of the database has kept dead rows from being cleaned; zero: none does.

    Sessions of other roles count only for a role that may see them (pg_read_all_stats).
    """


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits or runs."""

    id: int
    job: Job
    due_at: datetime
    is_running: bool
    tries: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that failed more often than it may."""

    id: int
    job: Job
    tries: int
    last_error: str | None
    created_at: datetime
    died_at: datetime


class Queue:
    """Jobs in Postgres. `now` is the application's clock: it decides what is ripe.

    Every method takes part in the current task's transaction, if there is one.
    """

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self.now = now
        self.bell = Bell(database)

    async def save(self, job: Job) -> None:
        """Queue `job`. If it waits already the earlier time wins; if it runs it will run once more."""
        now = self.now()
        ripe_at = job.ripe_at_when_saved(now)
        row = await self.database.fetchrow(
            SAVE, job.lane, job.job_type, _json(job), ripe_at, now, job.max_retries, job.base_retry_minutes
        )
        self._ring_after_commit([row] if row else [], now)

    async def save_all(self, jobs: Iterable[Job]) -> None:
        """Queue many jobs with one statement, each as `save` would; some thousands at a time are well."""
        jobs = list(jobs)
        now = self.now()
        rows = await self.database.fetch(
            SAVE_ALL,
            [job.lane for job in jobs],
            [job.job_type for job in jobs],
            [_json(job) for job in jobs],
            [job.ripe_at_when_saved(now) for job in jobs],
            now,
            [job.max_retries for job in jobs],
            [job.base_retry_minutes for job in jobs],
        )
        self._ring_after_commit(rows, now)

    async def cancel(self, job: Job) -> bool:
        """Delete `job`, running or not (its handler is not stopped). Whether it was there."""
        return await self.database.fetchrow(CANCEL, job.job_type, _json(job)) is not None

    async def reschedule(self, job: Job, ripe_at: datetime) -> bool:
        """Set the exact time of a queued job, also to later; while it runs, the time it runs again.

        Whether it was there: this never queues a job.
        """
        row = await self.database.fetchrow(RESCHEDULE, job.job_type, _json(job), ripe_at)
        if row is None:
            return False
        self._ring_after_commit([row], self.now())
        return True

    async def get_one_ripe_job(self) -> Job | None:
        """Delete and return the ripest job of all lanes, or None.

        Inside a transaction the job comes back if that is rolled back; until it ends, whoever saves it waits.
        """
        now = self.now()
        async with self.database.connection() as connection:
            for lane in await connection.fetch(RIPE_LANES, now):
                row = await connection.fetchrow(TAKE, lane["lane"], now)
                if row is not None:
                    return _job(row)
        return None

    async def stats(self) -> list[LaneStats]:
        """How full each lane is. It counts rows: for people and metrics, not for every request."""
        now = self.now()
        return [
            LaneStats(
                lane=row["lane"],
                ready=row["ready"],
                future=row["future"],
                leased=row["leased"],
                dead=row["dead"],
                oldest_ripe_age=None if row["oldest_due_at"] is None else now - row["oldest_due_at"],
            )
            for row in await self.database.fetch(STATS, now)
        ]

    async def vitals(self) -> Vitals:
        """How far the clocks are apart, and what holds up the cleaning of dead rows. One cheap statement."""
        async with self.database.connection() as connection:
            asked_at = self.now()
            row = await connection.fetchrow(VITALS)
            answered_at = self.now()
        return Vitals(
            clock_skew=asked_at + (answered_at - asked_at) / 2 - row["now"],
            oldest_snapshot_age=row["oldest_snapshot_age"] or timedelta(0),
        )

    async def queued(self, limit: int = 100) -> list[QueuedJob]:
        """What waits and what runs, the ripest first. It reads every row: for people."""
        return [_queued(row) for row in await self.database.fetch(QUEUED, limit, None)]

    async def find(self, job_id: int) -> QueuedJob | None:
        """The queued job with this id, if there is one."""
        row = await self.database.fetchrow(QUEUED, 1, job_id)
        return None if row is None else _queued(row)

    async def dead(self, limit: int = 100) -> list[DeadJob]:
        """The jobs that died last, the newest first."""
        return [
            DeadJob(
                id=row["id"],
                job=_job(row),
                tries=row["tries"],
                last_error=row["last_error"],
                created_at=row["created_at"],
                died_at=row["died_at"],
            )
            for row in await self.database.fetch(DEAD, limit)
        ]

    async def revive(self, dead_id: int) -> bool:
        """Queue a dead job again, ripe now and with all its tries. Whether there was one with this id."""
        now = self.now()
        row = await self.database.fetchrow(REVIVE, dead_id, now)
        if row is None:
            return False
        self._ring_after_commit([row], now)
        return True

    async def prune(self, before: datetime, page: int = 1_000) -> int:
        """Delete the jobs that died before then, `page` at a time. Returns how many there were."""
        pruned = 0
        while True:
            tag = await self.database.execute(PRUNE, before, page)
            deleted = int(tag.removeprefix("DELETE "))
            pruned += deleted
            if deleted < page:
                return pruned

    def wake(self) -> None:
        """Make the workers of every process look everywhere now, such as after the clock was moved."""
        self.bell.ring(Wake())

    def _ring_after_commit(self, rows: Iterable[Any], now: datetime) -> None:
        soonest: dict[int, datetime] = {}
        for lane, due_at in rows:
            # None: it runs just now, and its worker will see that it has to run again.
            if due_at is not None and due_at <= now + SWEEP_EVERY:
                soonest[lane] = min(due_at, soonest.get(lane, due_at))
        for wake in itertools.starmap(Wake, soonest.items()):
            self.database.after_commit(functools.partial(self.bell.ring, wake))


def _json(job: Job) -> str:
    return to_json(job.arguments).decode()


def _job(row: Any) -> Job:
    return Job(
        job_type=row["job_type"],
        arguments=from_json(row["arguments"]),
        lane=row["lane"],
        max_retries=row["max_retries"],
        base_retry_minutes=row["base_retry_minutes"],
        ripe_at=row["ripe_at"],
    )


def _queued(row: Any) -> QueuedJob:
    return QueuedJob(
        id=row["id"],
        job=_job(row),
        due_at=row["due_at"],
        is_running=row["is_running"],
        tries=row["tries"],
        last_error=row["last_error"],
    )
