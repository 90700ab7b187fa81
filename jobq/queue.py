"""The queue as an application uses it: save, cancel, reschedule and inspect jobs."""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from jobq.clock import utc_now
from jobq.db import Database
from jobq.errors import LeaseLostError
from jobq.job import ClaimedJob, Job, bounded
from jobq.notifier import Notifier, WakeUp
from jobq.sql import (
    CANCEL,
    DATABASE_HEALTH,
    DEAD,
    FINISH_LEASED,
    POP_RIPE,
    PRUNE,
    QUEUED,
    RESCHEDULE,
    REVIVE,
    RIPE_LANES,
    SAVE,
    SAVE_ALL,
    STATS,
    save_with,
)
from jobq.timing import Timing

NOTIFY_WITHIN = timedelta(seconds=Timing.sweep_every)
"""A job that ripens later than this sends no wake-up when it is saved: polling finds it in time."""


@dataclass(frozen=True, slots=True)
class LaneStats:
    """How many jobs of a lane are in each state."""

    lane: int
    ready: int
    """Ripe and waiting for a worker."""
    future: int
    leased: int
    dead: int
    oldest_ripe_age: timedelta | None
    """How long the ripest job has been waiting; None if none is ready."""
    blocked: int = 0
    """Ripe and waiting for a slot of their concurrency key. They are not counted as ready."""


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """Two conditions outside the queue that it suffers from."""

    clock_skew: timedelta
    """How far the application's clock is ahead of Postgres's, give or take half a round trip."""
    oldest_snapshot_age: timedelta
    """For how long the oldest transaction has kept Postgres from removing dead rows; zero if none does.

    Sessions of other roles are seen only by a role with the rights of pg_read_all_stats.
    """


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits or runs, with its row."""

    id: int
    job: Job
    due_at: datetime
    is_running: bool
    tries: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job whose last retry failed."""

    id: int
    job: Job
    tries: int
    last_error: str | None
    created_at: datetime
    died_at: datetime


class Queue:
    """A queue of jobs in Postgres. `now` is the application's clock, which decides when a job is ripe.

    Every method takes part in the transaction of the current task, if there is one.
    """

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self.now = now
        self.notifier = Notifier(database)

    async def save(self, job: Job) -> None:
        """Queue `job`. If it waits already, the earlier time wins; if it runs, it will run once more."""
        now = self.now()
        ripe_at = job.ripe_at_when_saved(now)
        row = await self.database.fetchrow(
            SAVE,
            job.lane,
            job.job_type,
            _json(job),
            ripe_at,
            now,
            job.max_retries,
            job.base_retry_minutes,
            job.concurrency_key,
            _limit(job),
        )
        self._notify_after_commit([row] if row else [], now)

    async def save_all(self, jobs: Iterable[Job]) -> None:
        """Queue many jobs with one statement, each as `save` would. Pass a few thousand at a time."""
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
            [job.concurrency_key for job in jobs],
            [_limit(job) for job in jobs],
        )
        self._notify_after_commit(rows, now)

    async def save_with(self, statement: str, jobs: Mapping[str, Job], *arguments: object) -> list[Any]:
        """Store rows and queue their jobs in one statement: one round trip, both or neither.

        `statement` is yours: an INSERT, UPDATE or DELETE with a RETURNING that has a text column `job_key`.
        The job with that key is queued, as `save` would; null queues none. Returns the rows.
        """
        now = self.now()
        ordered = jobs.values()
        rows = await self.database.fetch(
            save_with(statement),
            list(jobs),
            [job.lane for job in ordered],
            [job.job_type for job in ordered],
            [_json(job) for job in ordered],
            [job.ripe_at_when_saved(now) for job in ordered],
            now,
            [job.max_retries for job in ordered],
            [job.base_retry_minutes for job in ordered],
            [job.concurrency_key for job in ordered],
            [_limit(job) for job in ordered],
            *arguments,
        )
        queued = [jobs[row["job_key"]] for row in rows if row["job_key"] is not None]
        self._notify_after_commit([(job.lane, job.ripe_at_when_saved(now) or now) for job in queued], now)
        return rows

    async def cancel(self, job: Job) -> bool:
        """Delete `job`. A running handler goes on, but its result is lost. Returns whether it was queued."""
        row = await self.database.fetchrow(CANCEL, job.job_type, _json(job))
        if row is not None and row["had_slot"]:
            self._sweep_after_commit(row["lane"])
        return row is not None

    async def reschedule(self, job: Job, ripe_at: datetime) -> bool:
        """Set the time of a queued job, to earlier or later. For a running job, it is when it runs again.

        Returns whether the job was queued. If not, nothing is changed.
        """
        row = await self.database.fetchrow(RESCHEDULE, job.job_type, _json(job), bounded(ripe_at))
        if row is None:
            return False
        self._notify_after_commit([row[:2]], self.now())
        if row["may_have_freed_slot"]:
            self._sweep_after_commit(row["lane"])
        return True

    async def finish(self, jobs: Iterable[ClaimedJob]) -> None:
        """Delete jobs that this worker runs, in the transaction of this task: they are done if it commits.

        So the work of a handler and the end of its jobs are one. Call it last, because it locks the rows of
        the jobs. Raises LeaseLostError if a job was cancelled or another worker may run it; let that roll
        the transaction back.
        """
        leased = {job.id: job for job in sorted(jobs, key=lambda job: job.id)}
        if not leased:
            return
        now = self.now()
        fences = [job.fence for job in leased.values()]
        rows = await self.database.fetch(FINISH_LEASED, list(leased), fences)
        if len(rows) < len(leased):
            raise LeaseLostError(leased.keys() - {row["id"] for row in rows})
        for job in leased.values():
            job.is_finishing = True
        self.database.after_commit(lambda: _mark_finished(leased.values()))
        again = [(row["lane"], row["again_at"]) for row in rows if row["again_at"] is not None]
        self._notify_after_commit(again, now)
        for lane in {job.lane for job in leased.values() if job.concurrency_key is not None}:
            self._sweep_after_commit(lane)

    async def get_one_ripe_job(self) -> Job | None:
        """Delete and return the ripest job of all lanes that may start now, or None.

        In a transaction that is rolled back, the job stays in the queue. Until the transaction ends, saving
        the same job blocks.
        """
        now = self.now()
        async with self.database.connection() as connection:
            for lane in await connection.fetch(RIPE_LANES, now):
                row = await connection.fetchrow(POP_RIPE, lane["lane"], now)
                if row is not None:
                    return _job(row)
        return None

    async def stats(self) -> list[LaneStats]:
        """The counts of each lane. Reads every row: call it for people and metrics, not on each request."""
        now = self.now()
        return [
            LaneStats(
                lane=row["lane"],
                ready=row["ready"],
                future=row["future"],
                leased=row["leased"],
                dead=row["dead"],
                oldest_ripe_age=None if row["oldest_due_at"] is None else now - row["oldest_due_at"],
                blocked=row["blocked"],
            )
            for row in await self.database.fetch(STATS, now)
        ]

    async def database_health(self) -> DatabaseHealth:
        """How far the clocks differ, and for how long dead rows could not be removed. One cheap statement."""
        async with self.database.connection() as connection:
            asked_at = self.now()
            row = await connection.fetchrow(DATABASE_HEALTH)
            answered_at = self.now()
        return DatabaseHealth(
            clock_skew=asked_at + (answered_at - asked_at) / 2 - row["now"],
            oldest_snapshot_age=row["oldest_snapshot_age"] or timedelta(0),
        )

    async def queued(self, limit: int = 100) -> list[QueuedJob]:
        """The jobs that wait or run, the ripest first. Reads every row, so call it for people."""
        return [_queued(row) for row in await self.database.fetch(QUEUED, limit, None)]

    async def find(self, job_id: int) -> QueuedJob | None:
        """The waiting or running job with this id."""
        row = await self.database.fetchrow(QUEUED, 1, job_id)
        return None if row is None else _queued(row)

    async def dead(self, limit: int = 100) -> list[DeadJob]:
        """The dead jobs, the last to die first."""
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
        """Queue a dead job again, ripe now and with all its retries. Returns whether the id was found."""
        now = self.now()
        row = await self.database.fetchrow(REVIVE, dead_id, now)
        if row is None:
            return False
        self._notify_after_commit([row], now)
        return True

    async def prune(self, before: datetime, page: int = 1_000) -> int:
        """Delete the jobs that died before an instant, `page` rows at a time. Returns how many."""
        pruned = 0
        while True:
            tag = await self.database.execute(PRUNE, before, page)
            deleted = int(tag.removeprefix("DELETE "))
            pruned += deleted
            if deleted < page:
                return pruned

    def wake(self) -> None:
        """Let the workers of all processes look for ripe jobs now, for example after the clock was moved."""
        self.notifier.notify(WakeUp())

    def _notify_after_commit(self, rows: Iterable[Any], now: datetime) -> None:
        soonest: dict[int, datetime] = {}
        for lane, due_at in rows:
            # None means that the job runs now; its worker will notice that it has to run again.
            if due_at is not None and due_at <= now + NOTIFY_WITHIN:
                soonest[lane] = min(due_at, soonest.get(lane, due_at))
        for wake_up in itertools.starmap(WakeUp, soonest.items()):
            self.database.after_commit(functools.partial(self.notifier.notify, wake_up))

    def _sweep_after_commit(self, lane: int) -> None:
        """A slot was freed without a worker. A sweep gives it to the next job."""
        self.database.after_commit(functools.partial(self.notifier.notify, WakeUp(lane)))


def _mark_finished(jobs: Iterable[ClaimedJob]) -> None:
    for job in jobs:
        job.is_finished = True


def _json(job: Job) -> str:
    return to_json(job.arguments).decode()


def _limit(job: Job) -> int | None:
    return None if job.concurrency_key is None else job.concurrency_limit


def _job(row: Any) -> Job:
    return Job(
        job_type=row["job_type"],
        arguments=from_json(row["arguments"]),
        lane=row["lane"],
        max_retries=row["max_retries"],
        base_retry_minutes=row["base_retry_minutes"],
        ripe_at=row["ripe_at"],
        concurrency_key=row["concurrency_key"],
        concurrency_limit=row["concurrency_limit"] or 1,
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
