"""Promise Q10: claims stay fast beside a million future jobs, and while a session holds an old snapshot."""

import json
import statistics
import time
from datetime import timedelta

import asyncpg
import pytest

from jobq import Job, Queue, sql, utc_now
from jobq.claims import LEASE, START, claim, settle
from jobq.connections import Connection
from jobq.cursor import ClaimCursor
from jobq.settlement import settle_result
from jobq.timing import Timing
from tests.jobq.test_plans import literal
from tests.jobq.torture.scene import percentile
from tests.promises import Promise

FILL = """
INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes)
SELECT 0, 'future', jsonb_build_object('n', n), $1::timestamptz + n * interval '1 second', $1, 13, 5
FROM generate_series(1, $2::int) AS n
"""
POLLS = 51
BATCH = 50
SNAPSHOT_SECONDS = 120


async def _fill(queue: Queue, jobs: int) -> None:
    async with queue.database.connection() as connection:
        await connection.execute(FILL, utc_now() + timedelta(days=1), jobs, timeout=120)
        await connection.execute("VACUUM ANALYZE job", timeout=120)


@pytest.mark.parametrize("jobs", [20_000, pytest.param(1_000_000, marks=pytest.mark.torture)])
async def test_an_idle_poll_is_fast_beside_many_future_jobs(
    queue: Queue, promise: Promise, jobs: int
) -> None:
    await _fill(queue, jobs)
    async with queue.database.transaction() as connection:
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE poll AS {sql.CLAIM}")
        arguments = ", ".join(map(literal, (0, utc_now(), *START, 200, LEASE, "expired", None)))
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE poll ({arguments})"
        polls = [json.loads(await connection.fetchval(explain))[0] for _ in range(POLLS)]
        await connection.execute("DEALLOCATE poll")
    pages = max(poll["Plan"]["Shared Hit Blocks"] + poll["Plan"]["Shared Read Blocks"] for poll in polls)
    median = statistics.median(poll["Execution Time"] for poll in polls)
    promise("Q10", f"idle poll beside {jobs:,} future jobs", f"{median:.3f} ms (median), {pages} pages")
    assert pages < 20
    assert median < 1.0


class Churn:
    """Saves jobs, claims them with a cursor as a worker does, and settles them."""

    def __init__(self, queue: Queue, connection: Connection) -> None:
        self.claims: list[float] = []
        """Milliseconds of each claim."""
        self.sweeps: list[float] = []
        """Milliseconds of each claim that was a sweep."""
        self.saved = 0
        self._queue = queue
        self._connection = connection
        self._cursor = ClaimCursor(Timing().sweep_every)

    async def churn(self) -> None:
        """Do it with one batch."""
        numbers = range(self.saved, self.saved + BATCH)
        self.saved += BATCH
        await self._queue.save_all(Job(job_type="churn", arguments={"n": n}) for n in numbers)
        after, now = self._cursor.start_claim(), self._queue.now()
        sent_at = time.perf_counter()
        result = await claim(self._connection, 0, now, BATCH, after)
        took = (time.perf_counter() - sent_at) * 1000
        self._cursor.finish_claim(result, BATCH, now)
        self.claims.append(took)
        if after == START:
            self.sweeps.append(took)
        assert len(result.jobs) == BATCH
        await settle(self._connection, [settle_result(job, None, now) for job in result.jobs], now)


@pytest.mark.torture
async def test_claims_stay_fast_while_a_session_holds_an_old_snapshot(
    queue: Queue, dsn: str, promise: Promise
) -> None:
    """For two minutes. The small size of this test, in pages instead of time, is in test_plans.py."""
    await _fill(queue, 100_000)
    # Without idle_in_transaction_session_timeout, like a report that was forgotten.
    forgotten = await asyncpg.connect(dsn)
    try:
        async with queue.database.connection() as connection:
            churn = Churn(queue, connection)
            while churn.saved < 10_000:
                await churn.churn()
            async with forgotten.transaction(isolation="repeatable_read"):
                await forgotten.fetchval("SELECT count(*) FROM job")
                churn = Churn(queue, connection)
                ends_at = time.monotonic() + SNAPSHOT_SECONDS
                while time.monotonic() < ends_at:
                    await churn.churn()
    finally:
        await forgotten.close()

    quarter = len(churn.claims) // 4
    first, last = percentile(churn.claims[:quarter], 0.99), percentile(churn.claims[-quarter:], 0.99)
    bound = 2 * first + 5.0
    promise(
        "Q10",
        f"a snapshot held for {SNAPSHOT_SECONDS} s, not 10 minutes",
        f"{churn.saved:,} jobs; p99 of a claim of {BATCH}: {first:.1f} ms in the first quarter,"
        f" {last:.1f} ms in the last (bound: {bound:.1f});"
        f" a sweep every 3 s: {churn.sweeps[1]:.0f} -> {churn.sweeps[-1]:.0f} ms",
    )
    assert last < bound
