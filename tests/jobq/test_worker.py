"""Worker: claim, run, settle, stop; on real Postgres, with real connections cut and locked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from jobq import (
    ClaimedJob,
    Database,
    Discard,
    Handler,
    Job,
    Postpone,
    Queue,
    Timing,
    Worker,
    current_database,
)
from jobq.clock import utc_now

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLLING_IS_TOO_SLOW = Timing(sweep_every=600)
QUICK = Timing(
    lease=timedelta(seconds=0.6),
    beat_every=0.1,
    beat_within=0.2,
    trust=0.4,
    sweep_every=0.1,
    retry_after=0.05,
)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Log:
    """A handler that notes what it ran, and lets a test wait for it."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        self._grown = asyncio.Condition()

    async def __call__(self, job: ClaimedJob) -> None:
        async with self._grown:
            self.ran.append(job.arguments.get("n"))
            self._grown.notify_all()

    async def reached(self, count: int) -> list[Any]:
        async with asyncio.timeout(10), self._grown:
            await self._grown.wait_for(lambda: len(self.ran) >= count)
        return self.ran


@asynccontextmanager
async def working(
    queue: Queue, handlers: Mapping[str, Handler], timing: Timing | None = None, **options: Any
) -> AsyncIterator[Worker]:
    """A worker that runs during the block and is then stopped in good order."""
    worker = Worker(queue, handlers, timing=timing, **options)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop(grace=2.0)
        await running


@asynccontextmanager
async def another(dsn: str, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Queue]:
    """The queue as another process sees it."""
    async with Database(dsn) as database:
        yield Queue(database, now)


async def only_row(db: Database) -> Any:
    (row,) = await db.fetch("SELECT * FROM job")
    return row


def numbered(count: int, **options: Any) -> list[Job]:
    return [Job(job_type="note", arguments={"n": n}, **options) for n in range(count)]


@pytest.fixture
def queue(db: Database) -> Queue:
    return Queue(db)


@pytest.fixture
def note() -> Log:
    return Log()


async def test_a_worker_runs_every_job_once_and_leaves_nothing(queue: Queue, note: Log) -> None:
    await queue.save_all(numbered(500))
    async with working(queue, {"note": note}, prefetch=100):
        await note.reached(500)
    assert sorted(note.ran) == list(range(500))
    assert await queue.stats() == []


async def test_two_workers_share_the_jobs_without_running_one_twice(
    queue: Queue, note: Log, dsn: str
) -> None:
    await queue.save_all(numbered(300))
    async with (
        another(dsn) as other,
        working(queue, {"note": note}),
        working(other, {"note": note}),
    ):
        await note.reached(300)
    assert sorted(note.ran) == list(range(300))


async def test_no_more_than_concurrency_run_at_once(queue: Queue) -> None:
    running, most = 0, 0
    gate = asyncio.Event()
    full = asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await gate.wait()
        running -= 1

    await queue.save_all(numbered(10))
    async with working(queue, {"note": wait}, concurrency=3, prefetch=4):
        await full.wait()
        gate.set()
    assert most == 3


async def test_a_worker_claims_no_more_than_it_can_start_or_prefetch(queue: Queue) -> None:
    gate, started = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        await gate.wait()

    await queue.save_all(numbered(20))
    async with working(queue, {"note": wait}, concurrency=2, prefetch=3):
        await started.wait()
        (lane,) = await queue.stats()
        gate.set()
    assert lane.leased == 5


async def test_a_handler_runs_with_the_database_ambient_and_outside_of_any_transaction(queue: Queue) -> None:
    found: list[object] = []
    done = asyncio.Event()

    async def look(job: ClaimedJob) -> None:
        async with current_database().connection() as connection:
            found.append((current_database(), connection.is_in_transaction()))
        done.set()

    await queue.save(Job(job_type="look"))
    async with working(queue, {"look": look}):
        await done.wait()
    assert found == [(queue.database, False)]


async def test_a_worker_leaves_other_lanes_alone(queue: Queue, note: Log) -> None:
    await queue.save(Job(job_type="note", arguments={"n": "calls"}, lane=1))
    await queue.save(Job(job_type="note", arguments={"n": "facts"}))
    async with working(queue, {"note": note}):
        await note.reached(1)
    assert note.ran == ["facts"]


async def outcome_of(db: Database, handler: Handler) -> Any:
    """The row of a job at noon after one try."""
    queue = Queue(db, now=lambda: NOON)
    tried = asyncio.Event()

    async def handle(job: ClaimedJob) -> Postpone | Discard | None:
        tried.set()
        return await handler(job)

    await queue.save(Job(job_type="try"))
    async with working(queue, {"try": handle}):
        await tried.wait()
    rows = await db.fetch("SELECT ripe_at - created_at AS later, tries, last_error, leased_until FROM job")
    return rows[0] if rows else None


async def test_a_handler_that_raises_is_retried_after_five_minutes(db: Database) -> None:
    async def fail(job: ClaimedJob) -> None:
        raise ValueError("no such channel")

    row = await outcome_of(db, fail)
    assert (row["later"], row["tries"], row["leased_until"]) == (timedelta(minutes=5), 1, None)
    assert row["last_error"].startswith("ValueError: no such channel")


async def test_a_handler_that_is_cancelled_from_inside_is_retried(db: Database) -> None:
    async def cancelled(job: ClaimedJob) -> None:
        raise asyncio.CancelledError

    row = await outcome_of(db, cancelled)
    assert (row["later"], row["tries"]) == (timedelta(minutes=5), 1)


async def test_a_returned_postponement_forgets_the_tries_and_a_raised_one_does_not_count(
    db: Database,
) -> None:
    async def returned(job: ClaimedJob) -> Postpone:
        return Postpone(NOON + timedelta(hours=1))

    async def raised(job: ClaimedJob) -> None:
        raise Postpone(NOON + timedelta(hours=1))

    for handler in (returned, raised):
        row = await outcome_of(db, handler)
        assert (row["later"], row["tries"]) == (timedelta(hours=1), 0)
        await db.execute("DELETE FROM job")


async def test_a_discarded_job_is_gone(db: Database) -> None:
    async def discard(job: ClaimedJob) -> Discard:
        return Discard("closed")

    assert await outcome_of(db, discard) is None


async def test_a_deadlock_gives_the_job_back_after_a_second_without_counting(db: Database) -> None:
    async def deadlock(job: ClaimedJob) -> None:
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    row = await outcome_of(db, deadlock)
    assert (row["later"], row["tries"]) == (timedelta(seconds=1), 0)


async def test_a_connection_that_is_cut_in_a_handler_gives_the_job_back_without_counting(
    db: Database,
) -> None:
    async def cut(job: ClaimedJob) -> None:
        async with current_database().transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    row = await outcome_of(db, cut)
    assert (row["later"], row["tries"]) == (timedelta(seconds=1), 0)


async def test_an_unknown_job_type_is_kept_and_says_so(db: Database, note: Log) -> None:
    queue = Queue(db, now=lambda: NOON)
    await queue.save(Job(job_type="of the future").runs_at(NOON - timedelta(hours=1)))
    await queue.save(Job(job_type="note"))
    async with working(queue, {"note": note}, concurrency=1):
        await note.reached(1)
    row = await only_row(db)
    assert row["ripe_at"] == NOON + timedelta(minutes=5)
    assert row["last_error"].startswith("UnknownJobType: no handler for 'of the future', only for note")


async def test_a_job_with_too_many_tries_behind_it_dies_without_running(queue: Queue, note: Log) -> None:
    await queue.save(Job(job_type="note", arguments={"n": "killer"}, max_retries=2))
    await queue.database.execute(
        "UPDATE job SET tries = 3, fence = 3, leased_until = now() - interval '1 second'"
    )
    await queue.save(Job(job_type="note", arguments={"n": "next"}))
    async with working(queue, {"note": note}, concurrency=1):
        await note.reached(1)
    assert note.ran == ["next"]
    (dead,) = await queue.dead()
    assert dead.tries == 3
    assert dead.last_error is not None
    assert dead.last_error.startswith("lease expired")


async def test_a_job_that_is_saved_while_it_runs_runs_again_at_once(queue: Queue, note: Log) -> None:
    again = Job(job_type="again")

    async def save_itself(job: ClaimedJob) -> None:
        await note(job)
        if len(note.ran) == 1:
            await queue.save(again)

    await queue.save(again)
    async with working(queue, {"again": save_itself}, POLLING_IS_TOO_SLOW):
        await note.reached(2)
    assert await queue.stats() == []


async def test_a_save_wakes_the_worker_of_its_own_process(queue: Queue, note: Log) -> None:
    async with working(queue, {"note": note}, POLLING_IS_TOO_SLOW):
        for n in range(5):
            await queue.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 1)


async def test_a_save_wakes_the_worker_of_another_process(queue: Queue, note: Log, dsn: str) -> None:
    async with another(dsn) as other, working(queue, {"note": note}, POLLING_IS_TOO_SLOW):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        for n in range(5):
            async with other.database.transaction():
                await other.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 2)


async def test_a_back_dated_job_is_found_at_once(queue: Queue, note: Log, dsn: str) -> None:
    async with another(dsn, now=lambda: NOON) as slow, working(queue, {"note": note}, POLLING_IS_TOO_SLOW):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        await slow.save(Job(job_type="note", arguments={"n": 1}))
        await note.reached(2)


async def test_polling_alone_works_too(queue: Queue, note: Log) -> None:
    async with working(queue, {"note": note}, QUICK):
        await queue.save(Job(job_type="note"))
        await note.reached(1)
        await insert_silently(queue.database)
        await note.reached(2)


async def insert_silently(db: Database) -> None:
    """A long overdue job that nobody was told of."""
    await db.execute(
        "INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes)"
        " VALUES (0, 'note', '{\"n\": 1}', $1, 1, 1)",
        NOON,
    )


async def test_a_worker_sleeps_exactly_until_the_next_job_is_ripe(queue: Queue) -> None:
    late: list[timedelta] = []
    done = asyncio.Event()

    async def measure(job: ClaimedJob) -> None:
        late.append(utc_now() - job.due_at)
        done.set()

    async with working(queue, {"measure": measure}, POLLING_IS_TOO_SLOW):
        await queue.save(Job(job_type="measure").runs_at(utc_now() + timedelta(seconds=0.3)))
        async with asyncio.timeout(5):
            await done.wait()
    assert timedelta(0) <= late[0] < timedelta(seconds=0.2)


async def test_a_clock_that_jumps_is_noticed_when_told(db: Database, note: Log) -> None:
    clock = Clock()
    queue = Queue(db, now=clock)
    async with working(queue, {"note": note}, POLLING_IS_TOO_SLOW) as worker:
        await queue.save_all([job.runs_in(hours=n + 1) for n, job in enumerate(numbered(2))])
        await queue.save(Job(job_type="note", arguments={"n": "now"}))
        await note.reached(1)
        clock.at += timedelta(hours=1)
        worker.wake()
        await note.reached(2)
        clock.at += timedelta(hours=1)
        queue.wake()
        await note.reached(3)
        clock.at -= timedelta(hours=2)
        queue.wake()
        await queue.save(Job(job_type="note", arguments={"n": "back"}))
        await note.reached(4)
    assert note.ran == ["now", 0, 1, "back"]


async def test_a_heartbeat_keeps_a_long_job_from_everybody_else(queue: Queue, note: Log, dsn: str) -> None:
    gate = asyncio.Event()
    beats: list[datetime] = []

    async def long(job: ClaimedJob) -> None:
        await note(job)
        lease = "SELECT leased_until FROM job WHERE job_type = 'long'"
        first = await current_database().fetchval(lease)
        while not beats or beats[-1] < first + 2 * QUICK.lease:
            beats.append(await current_database().fetchval(lease))
            await asyncio.wait({asyncio.create_task(gate.wait())}, timeout=0.05)
        gate.set()

    await queue.save(Job(job_type="long"))
    async with (
        another(dsn) as other,
        working(queue, {"long": long}, QUICK),
        working(other, {"long": long}, QUICK),
    ):
        await gate.wait()
    assert len(note.ran) == 1


async def test_a_handler_whose_lease_is_lost_is_cancelled_and_changes_nothing(
    queue: Queue, db: Database
) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await queue.save(Job(job_type="wait"))
    async with working(queue, {"wait": wait}, QUICK):
        await started.wait()
        await db.execute("UPDATE job SET fence = fence + 1, leased_until = now() + interval '1 hour'")
        async with asyncio.timeout(5):
            await cancelled.wait()
    row = await only_row(db)
    assert (row["fence"], row["tries"], row["last_error"]) == (2, 1, None)


async def test_a_worker_that_cannot_beat_cancels_its_handlers_before_the_lease_ends(
    queue: Queue, db: Database
) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await queue.save(Job(job_type="wait"))
    async with working(queue, {"wait": wait}, QUICK), db.transaction() as blocking:
        await started.wait()
        await blocking.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_a_stuck_transaction_on_one_job_does_not_hold_up_the_others(
    queue: Queue, db: Database, note: Log
) -> None:
    gates = [asyncio.Event() for _ in range(5)]

    async def wait(job: ClaimedJob) -> None:
        await note(job)
        await gates[job.arguments["n"]].wait()

    await queue.save_all(numbered(5))
    async with working(queue, {"note": wait}, QUICK):
        await note.reached(5)
        async with db.transaction() as stuck:
            await stuck.execute("SELECT FROM job WHERE arguments = '{\"n\": 0}' FOR UPDATE")
            for gate in gates:
                gate.set()
            async with asyncio.timeout(5):
                while await stuck.fetchval("SELECT count(*) FROM job") > 1:
                    pass
    assert len(note.ran) == 5
    assert await queue.stats() == []


async def test_handlers_that_hold_the_whole_pool_do_not_stop_the_worker(dsn: str, note: Log) -> None:
    async with Database(dsn, max_size=2) as small:
        queue = Queue(small)
        gate = asyncio.Event()

        async def hog(job: ClaimedJob) -> None:
            async with current_database().connection():
                await note(job)
                await gate.wait()

        await queue.save_all([Job(job_type="hog", arguments={"n": n}) for n in range(2)])
        async with working(queue, {"hog": hog, "note": note}, QUICK), another(dsn) as other:
            await note.reached(2)
            await other.save(Job(job_type="note", arguments={"n": 2}))
            await note.reached(3)
            async with asyncio.timeout(5):
                while (await other.stats())[0].leased > 2:
                    pass
            gate.set()


async def test_a_worker_goes_on_after_all_its_connections_were_cut(queue: Queue, note: Log, dsn: str) -> None:
    gate = asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        await note(job)
        await gate.wait()

    async with (
        working(queue, {"wait": wait, "note": note}, Timing(retry_after=0.05)),
        another(dsn) as other,
    ):
        await queue.save(Job(job_type="wait"))
        await note.reached(1)
        async with other.database.connection() as connection:
            await connection.fetch(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        gate.set()
        for n in range(3):
            await other.save(Job(job_type="note", arguments={"n": n}))
            await note.reached(n + 2)
    assert await queue.stats() == []


async def test_what_is_saved_while_nobody_listens_is_found_when_listening_resumes(
    queue: Queue, note: Log, dsn: str
) -> None:
    never_polls = Timing(sweep_every=600, retry_after=0.05)
    async with working(queue, {"note": note}, never_polls), another(dsn) as other:
        await other.save(Job(job_type="note"))
        await note.reached(1)
        pid = await _listening_pid(other.database)
        await insert_silently(other.database)
        await other.database.execute("SELECT pg_terminate_backend($1, 1000)", pid)
        await note.reached(2)
        async with asyncio.timeout(5):
            while await _listening_pid(other.database) in (None, pid):
                pass
        await other.save(Job(job_type="note", arguments={"n": 2}))
        await note.reached(3)


async def _listening_pid(db: Database) -> Any:
    return await db.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')"
    )


async def test_an_idle_worker_stops_at_once(queue: Queue) -> None:
    async with working(queue, {}) as worker:
        asked = asyncio.get_running_loop().time()
        await worker.stop()
        assert asyncio.get_running_loop().time() - asked < 0.1


async def test_a_worker_stopped_before_it_ran_runs_nothing(queue: Queue, note: Log) -> None:
    await queue.save(Job(job_type="note"))
    worker = Worker(queue, {"note": note})
    await worker.stop()
    await worker.run()
    assert note.ran == []


async def test_a_stop_lets_what_runs_end_and_gives_back_what_has_not_started(
    queue: Queue, db: Database
) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    async def wait(job: ClaimedJob) -> None:
        started.set()
        await gate.wait()

    await queue.save_all(numbered(4))
    worker = Worker(queue, {"note": wait}, concurrency=1, prefetch=2)
    running = asyncio.create_task(worker.run())
    await started.wait()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.wait({stopping}, timeout=0.05)
    assert not stopping.done()
    gate.set()
    await stopping
    await running
    rows = await db.fetch("SELECT tries, leased_until, coalesce(ripe_at, created_at) - created_at FROM job")
    assert [tuple(row) for row in rows] == [(0, None, timedelta(0))] * 3


async def test_what_does_not_end_within_the_grace_is_cancelled_and_given_back(
    queue: Queue, db: Database
) -> None:
    started = asyncio.Event()

    async def hang(job: ClaimedJob) -> None:
        started.set()
        await asyncio.Event().wait()

    await queue.save(Job(job_type="hang"))
    worker = Worker(queue, {"hang": hang})
    running = asyncio.create_task(worker.run())
    await started.wait()
    await worker.stop(grace=0.05)
    await running
    row = await only_row(db)
    assert (row["tries"], row["leased_until"], row["ripe_at"]) == (0, None, row["created_at"])


async def test_suspects_run_one_at_a_time(queue: Queue, db: Database) -> None:
    running, most, ran = 0, 0, Log()

    async def count(job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await db.execute("SELECT 1")
        running -= 1
        await ran(job)

    await queue.save_all(numbered(3))
    await db.execute("UPDATE job SET tries = 2, fence = 2, leased_until = now() - interval '1 second'")
    async with working(queue, {"note": count}, QUICK):
        await ran.reached(3)
    assert most == 1
    assert await queue.stats() == []
