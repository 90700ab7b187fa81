"""The statements of a worker on rows of the queue: claim jobs, extend their leases, settle them.

Every write after the claim names the row's `id` and `fence`. Pass a connection that is in no long
transaction: until it commits, no other worker can see the lease.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobq.admission import admit_in_test, list_blocked_keys
from jobq.connections import Connection
from jobq.job import ClaimedJob
from jobq.settlement import LEASE_EXPIRED, Outcome, Settlement
from jobq.sql import CLAIM, CONFIRM, EXTEND, FINISH, MOVE_TO_DEAD, RELEASE, RIPE_LANES, STILL_LEASED
from jobq.timing import Timing

LEASE = Timing.lease

Position = tuple[datetime, int]
"""A place in the order of a lane: when a job is due, and its id."""
START: Position = (datetime.min.replace(tzinfo=UTC), 0)


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The claimed jobs, the ripest first, and when the next job of the lane is due."""

    jobs: list[ClaimedJob]
    next_due_at: datetime | None
    has_arrived: bool = False
    """Whether a ripe job with a concurrency key waits to be admitted."""
    has_blocked: bool = False
    """Whether jobs wait until a slot of their concurrency key is free. Only a claim from START finds out."""


@dataclass(frozen=True, slots=True)
class ExtendResult:
    """Ids by what a heartbeat did. A row in neither set was locked by another session: try again soon."""

    extended: set[int]
    lost: set[int]


@dataclass(frozen=True, slots=True)
class SettleResult:
    """Ids by what was written. A row in neither set was locked by another session: settle it again soon."""

    written: set[int]
    lost: set[int]
    """The lease had passed to another worker, so nothing was changed."""
    requeued: list[tuple[ClaimedJob, datetime]]
    """The jobs that will run again, and when each is due."""


async def claim(
    connection: Connection,
    lane: int,
    now: datetime,
    limit: int,
    after: Position = START,
    lease: timedelta = LEASE,
    *,
    is_durable: bool = True,
) -> ClaimResult:
    """Lease up to `limit` jobs of `lane` that are ripe at `now` and come after the position `after`.

    A claim that need not be durable returns before it is on disk: a crash of Postgres may undo it until
    `confirm` has returned.
    """
    commit = None if is_durable else "off"
    rows = await connection.fetch(CLAIM, lane, now, *after, limit, lease, LEASE_EXPIRED, commit)
    jobs = [ClaimedJob(*row[:-3]) for row in rows if row["id"] is not None]
    jobs.sort(key=_due_at_and_id)
    first = rows[0]
    return ClaimResult(jobs, first["next_due_at"], first["has_arrived"], first["has_blocked"])


async def confirm(connection: Connection, jobs: Sequence[ClaimedJob]) -> set[int]:
    """Wait until no crash of Postgres can undo the claims of `jobs`. Returns the ids still leased."""
    return {row["id"] for row in await connection.fetch(CONFIRM, *_leases(jobs))}


async def claim_one(connection: Connection, now: datetime) -> ClaimedJob | None:
    """Lease the ripest job of all lanes, or return None. For tests: no worker may run meanwhile."""
    for row in await connection.fetch(RIPE_LANES, now):
        lane = max(row["lane"], ~row["lane"])
        if row["needs_slot"]:
            keys = await list_blocked_keys(connection, lane) if row["lane"] < 0 else ()
            await admit_in_test(connection, lane, now, keys)
        result = await claim(connection, lane, now, 1)
        if result.jobs:
            return result.jobs[0]
    return None


async def extend(
    connection: Connection, jobs: Sequence[ClaimedJob], lease: timedelta = LEASE
) -> ExtendResult:
    """Make the leases of `jobs` last `lease` from now."""
    rows = await connection.fetch(EXTEND, *_leases(jobs), lease)
    extended = {row["id"] for row in rows}
    return ExtendResult(extended, await _find_lost(connection, jobs, extended))


async def settle(connection: Connection, settlements: Sequence[Settlement], now: datetime) -> SettleResult:
    """Write each settlement to its row, unless the lease is lost."""
    jobs = {settlement.job.id: settlement.job for settlement in settlements}
    written: set[int] = set()
    requeued: list[tuple[ClaimedJob, datetime]] = []
    for job_id, again_at in await _write(connection, settlements, now):
        written.add(job_id)
        if again_at is not None:
            requeued.append((jobs[job_id], again_at))
    return SettleResult(written, await _find_lost(connection, list(jobs.values()), written), requeued)


async def _write(connection: Connection, settlements: Iterable[Settlement], now: datetime) -> list[Any]:
    finished, released, dead = [], [], []
    for settlement in settlements:
        if settlement.outcome in (Outcome.DONE, Outcome.DISCARDED):
            finished.append(settlement)
        elif settlement.outcome is Outcome.DEAD:
            dead.append(settlement)
        else:
            released.append(settlement)
    rows: list[Any] = []
    if released:
        rows += await connection.fetch(
            RELEASE,
            *_leases(settlement.job for settlement in released),
            [settlement.ripe_at for settlement in released],
            [settlement.tries for settlement in released],
            [settlement.error for settlement in released],
            [settlement.give_backs for settlement in released],
        )
    if dead:
        rows += await connection.fetch(
            MOVE_TO_DEAD,
            *_leases(settlement.job for settlement in dead),
            [settlement.tries for settlement in dead],
            [settlement.error for settlement in dead],
            now,
        )
    # Last, because Postgres has nothing to refuse in it: a refused batch is sent again in parts.
    if finished:
        rows += await connection.fetch(FINISH, *_leases(settlement.job for settlement in finished))
    return rows


async def _find_lost(connection: Connection, jobs: Sequence[ClaimedJob], reached: set[int]) -> set[int]:
    missing = [job for job in jobs if job.id not in reached]
    if not missing:
        return set()
    # A statement skips locked rows, even if they are still ours. A read sees them.
    rows = await connection.fetch(STILL_LEASED, *_leases(missing))
    return {job.id for job in missing} - {row["id"] for row in rows}


def _due_at_and_id(job: ClaimedJob) -> Position:
    return job.ripe_at or job.created_at, job.id


def _leases(jobs: Iterable[ClaimedJob]) -> tuple[list[int], list[int]]:
    """The ids and the fences, as the statements take them."""
    jobs = list(jobs)
    return [job.id for job in jobs], [job.fence for job in jobs]
