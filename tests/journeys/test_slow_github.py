"""GitHub is slow for one installation: its jobs wait for one another, and nobody else waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from bot.flows.catalog import CALLING_AT_ONCE, remind_reviewer_job
from bot.flows.visibility import prepare_sync
from bot.model import PullRequestId, RequestId
from bot.sandbox.github.server import Fault
from bot.worker import build_workers, run_workers
from jobq import Timing, write_transaction
from tests.jobq.working import until
from tests.journeys.whole import Whole

SLOW = 5.0
"""Seconds for each answer."""
JOBS = 40
COPY = """
    INSERT INTO pull_request
    SELECT (jsonb_populate_record(original, jsonb_build_object('id', 7000 + n, 'number', 7000 + n))).*
    FROM pull_request AS original, generate_series(1, $2::int) AS n WHERE id = $1
    RETURNING id
"""


@asynccontextmanager
async def working(ripe: Whole) -> AsyncIterator[None]:
    """The workers of one process, as `ripe worker` runs them."""
    stop = asyncio.Event()
    workers = build_workers(ripe.app, Timing(sweep_every=600))
    async with asyncio.TaskGroup() as group:
        group.create_task(run_workers(workers, stop))
        try:
            yield
        finally:
            for worker in workers:
                await worker.stop(grace=0)
            stop.set()


async def test_a_due_dm_goes_out_while_forty_jobs_wait_for_a_slow_github(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("billing/tax.py")
    before = _count_dms(ripe)
    await ripe.app.database.execute("DELETE FROM message")
    ids = [row["id"] for row in await ripe.app.database.fetch(COPY, pull.id, JOBS)]
    ripe.server.faults.append(Fault(hang=SLOW, times=10_000, path="/pulls"))
    await _save_syncs(ripe, ids)
    async with working(ripe):
        await until(partial(_are_blocked, ripe))
        request_id = await ripe.app.database.fetchval("SELECT id FROM review_request WHERE closed_at IS NULL")
        await ripe.app.queue.save(remind_reviewer_job(RequestId(request_id)))
        await until(partial(_has_dm_after, ripe, before), within=2)
        running = await ripe.app.database.fetchval("SELECT count(*) FROM job WHERE leased_until IS NOT NULL")
        assert running <= CALLING_AT_ONCE + 1


async def _has_dm_after(ripe: Whole, count: int) -> bool:
    return _count_dms(ripe) > count


def _count_dms(ripe: Whole) -> int:
    return len(ripe.dms("ana")) + len(ripe.dms("cho"))


async def _save_syncs(ripe: Whole, ids: list[int]) -> None:
    @write_transaction
    async def save() -> None:
        await ripe.app.queue.save_all([await prepare_sync(PullRequestId(each)) for each in ids])

    await save()


async def _are_blocked(ripe: Whole) -> bool:
    return any(lane.blocked >= JOBS - CALLING_AT_ONCE for lane in await ripe.app.queue.stats())
