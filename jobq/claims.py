"""What a worker does to the queue's rows: claim them, keep them, settle them. Always with `id` and `fence`.

Each takes a connection that is in no lasting transaction: a lease that nobody else can see protects nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobq.connections import Connection
from jobq.job import ClaimedJob
from jobq.settlement import LEASE_EXPIRED, Outcome, Settlement
from jobq.sql import BURY, CLAIM, EXTEND, FINISH, HELD, RELEASE, RIPE_LANES, SYNC

LEASE = timedelta(seconds=30)

Bound = tuple[datetime, int]
"""A place in the order of a lane: due time and id."""
START: Bound = (datetime.min.replace(tzinfo=UTC), 0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim found: jobs in the order of their ripeness, and when the next one ripens."""

    jobs: list[ClaimedJob]
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Extended:
    """What a heartbeat reached. An id in neither set was locked by somebody: beat again a little later."""

    extended: set[int]
    lost: set[int]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a flush wrote. An id in neither set was locked by somebody: settle it again a little later."""

    written: set[int]
    lost: set[int]
    """Their lease had gone to somebody else, so nothing was changed."""
    again: list[tuple[ClaimedJob, datetime]]
    """Jobs that wait again, and when they are due."""


async def claim(
    connection: Connection,
    lane: int,
    now: datetime,
    limit: int,
    after: Bound = START,
    lease: timedelta = LEASE,
    *,
    is_durable: bool = True,
) -> Claim:
    """Lease up to `limit` jobs of `lane` that are ripe at `now` and come after a place in its order.

    If it is not to be durable the answer does not wait for the disk: a crash of Postgres may undo it until
    `sync` has returned.
    """
    commit = None if is_durable else "off"
    rows = await connection.fetch(CLAIM, lane, now, *after, limit, lease, LEASE_EXPIRED, commit)
    jobs = [ClaimedJob(*list(row.values())[:-1]) for row in rows if row["id"] is not None]
    jobs.sort(key=lambda job: (job.due_at, job.id))
    return Claim(jobs, rows[0]["next_due_at"])


async def sync(connection: Connection, jobs: Sequence[ClaimedJob]) -> set[int]:
    """Return once no crash of Postgres can undo the claims of `jobs`: the ids of those that hold."""
    return {row["id"] for row in await connection.fetch(SYNC, *_names(jobs))}


async def claim_one(connection: Connection, now: datetime) -> ClaimedJob | None:
    """Lease the ripest job of all lanes, or None."""
    for row in await connection.fetch(RIPE_LANES, now):
        found = await claim(connection, row["lane"], now, 1)
        if found.jobs:
            return found.jobs[0]
    return None


async def extend(connection: Connection, jobs: Sequence[ClaimedJob], lease: timedelta = LEASE) -> Extended:
    """Make the leases of `jobs` last `lease` from now."""
    rows = await connection.fetch(EXTEND, *_names(jobs), lease)
    extended = {row["id"] for row in rows}
    return Extended(extended, await _find_lost(connection, jobs, extended))


async def settle(connection: Connection, settlements: Sequence[Settlement], now: datetime) -> Settled:
    """Write what became of jobs."""
    jobs = {settlement.job.id: settlement.job for settlement in settlements}
    written: set[int] = set()
    again: list[tuple[ClaimedJob, datetime]] = []
    for row in await _write(connection, settlements, now):
        written.add(row["id"])
        if row["again_at"] is not None:
            again.append((jobs[row["id"]], row["again_at"]))
    return Settled(written, await _find_lost(connection, list(jobs.values()), written), again)


async def _write(connection: Connection, settlements: Iterable[Settlement], now: datetime) -> list[Any]:
    finished, released, buried = [], [], []
    for settlement in settlements:
        if settlement.outcome in (Outcome.DONE, Outcome.DISCARDED):
            finished.append(settlement)
        elif settlement.outcome is Outcome.DEAD:
            buried.append(settlement)
        else:
            released.append(settlement)
    rows: list[Any] = []
    if finished:
        rows += await connection.fetch(FINISH, *_names(one.job for one in finished))
    if released:
        rows += await connection.fetch(
            RELEASE,
            *_names(one.job for one in released),
            [one.ripe_at for one in released],
            [one.tries for one in released],
            [one.error for one in released],
        )
    if buried:
        rows += await connection.fetch(
            BURY,
            *_names(one.job for one in buried),
            [one.tries for one in buried],
            [one.error for one in buried],
            now,
        )
    return rows


async def _find_lost(connection: Connection, jobs: Sequence[ClaimedJob], found: set[int]) -> set[int]:
    missing = [job for job in jobs if job.id not in found]
    if not missing:
        return set()
    # A row that was skipped because it is locked is still ours; only a read can tell.
    rows = await connection.fetch(HELD, *_names(missing))
    return {job.id for job in missing} - {row["id"] for row in rows}


def _names(jobs: Iterable[ClaimedJob]) -> tuple[list[int], list[int]]:
    jobs = list(jobs)
    return [job.id for job in jobs], [job.fence for job in jobs]
