"""A job starts before its claim is on disk, so a crash of Postgres may undo the claim."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.local.embedded import EmbeddedPostgres
from jobq import ClaimedJob, Database, Handler, Job, Queue, Timing, utc_now
from jobq.claims import claim, confirm
from tests.jobq.torture.crash import crash, durable_postgres
from tests.jobq.working import Recorder, working


@pytest.fixture(scope="module")
def lazy_server() -> Iterator[EmbeddedPostgres]:
    """A Postgres server that takes ten seconds to write to disk what no session waits for."""
    with durable_postgres({"wal_writer_delay": "10000", "autovacuum": "off"}) as server:
        yield server


@pytest.fixture
async def server(lazy_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server with an empty queue, and everything on disk."""
    async with Database(lazy_server.dsn()) as database:
        await database.execute("TRUNCATE job, job_dead")
        await database.execute("CHECKPOINT")
    return lazy_server


async def claim_elsewhere(dsn: str) -> set[str]:
    """Claim everything, as another worker does. Returns the types of the jobs."""
    async with Database(dsn) as database:
        connection = await database.connect()
        result = await claim(connection, 0, utc_now(), 10)
        await connection.close()
    return {job.job_type for job in result.jobs}


@pytest.mark.parametrize(
    ("is_durable", "is_confirmed", "holds"), [(True, False, True), (False, True, True), (False, False, False)]
)
async def test_a_claim_outlives_a_crash_once_it_is_durable_or_confirmed(
    server: EmbeddedPostgres, is_durable: bool, is_confirmed: bool, holds: bool
) -> None:
    async with Database(server.dsn()) as database:
        await Queue(database).save(Job(job_type="note"))
        connection = await database.connect()
        result = await claim(connection, 0, utc_now(), 1, is_durable=is_durable)
        assert len(result.jobs) == 1
        if is_confirmed:
            await confirm(connection, result.jobs)
        crash(server)
    server.start()
    async with Database(server.dsn()) as database:
        connection = await database.connect()
        assert await confirm(connection, result.jobs) == ({result.jobs[0].id} if holds else set())
        await connection.close()


async def test_a_job_whose_claim_a_crash_undid_is_cancelled_and_its_result_does_not_touch_the_next_claim(
    server: EmbeddedPostgres, note: Recorder
) -> None:
    cancelled = asyncio.Event()
    claimed: set[str] = set()

    async def end_at_once(job: ClaimedJob) -> None:
        """Its settlement is not written yet when Postgres crashes."""

    async def crash_and_wait(job: ClaimedJob) -> None:
        # Blocks this worker, so that it cannot notice the crash before the other worker claims the jobs.
        crash(server)
        server.start()
        with ThreadPoolExecutor() as elsewhere:
            claimed.update(elsewhere.submit(asyncio.run, claim_elsewhere(server.dsn())).result())
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    handlers: dict[str, Handler] = {"end": end_at_once, "crash": crash_and_wait, "note": note}
    async with Database(server.dsn()) as database:
        queue = Queue(database)
        await queue.save_all([Job(job_type="end"), Job(job_type="crash")])
        async with working(queue, handlers, Timing(sweep_every=0.1, retry_after=0.1)):
            async with asyncio.timeout(20):
                await cancelled.wait()
            assert claimed == {"end", "crash"}, "the claims were not undone, so this shows nothing"
            await queue.save(Job(job_type="note"))
            await note.reached(1)
        rows = await database.fetch("SELECT job_type FROM job WHERE leased_until > now() ORDER BY id")
    assert [row["job_type"] for row in rows] == ["end", "crash"]


async def test_a_job_that_was_cancelled_needlessly_is_given_back_at_once(
    server: EmbeddedPostgres, note: Recorder
) -> None:
    """The connection is cut while the claim is written to disk, but Postgres does not crash."""
    tries: list[int] = []
    ran_again = asyncio.Event()

    async def wait_when_first(job: ClaimedJob) -> None:
        tries.append(job.tries)
        if len(tries) == 1:
            with ThreadPoolExecutor() as elsewhere:
                elsewhere.submit(asyncio.run, cut_claims(server.dsn())).result()
            await asyncio.Event().wait()
        ran_again.set()

    async with Database(server.dsn()) as database:
        queue = Queue(database)
        await queue.save(Job(job_type="wait"))
        async with working(queue, {"wait": wait_when_first, "note": note}), asyncio.timeout(20):
            await ran_again.wait()
    assert tries == [1, 1], "it counted as a try, or waited for its lease to end"


async def cut_claims(dsn: str) -> None:
    """Cut the connection on which a worker claims."""
    async with Database(dsn) as database:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '-- Lease the ripest%'"
        assert await database.fetch(cut)
