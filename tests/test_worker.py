"""The worker process: what it starts with."""

import asyncio
import socket

import httpx
import pytest

from bot.encryption import tls_context
from bot.flows.catalog import (
    COMPARE_WITH_GITHUB,
    FIND_MISSED_DELIVERIES,
    NOTICE_DOWNTIME,
    REFRESH_WORKSPACES,
    REPAIR,
    SCHEDULE_DIGESTS,
    TIDY,
)
from bot.settings import Settings
from bot.web.server import PortInUseError, find_free_port
from bot.worker import run_worker
from jobq import Database, Job, Queue
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key


def settings_of_a_worker(dsn: str, **more: object) -> Settings:
    """Enough to start; nobody listens where its GitHub and Slack are."""
    values: dict[str, object] = {
        "database_url": dsn,
        "github_app_id": APP_ID,
        "github_app_private_key": private_key(),
        "github_webhook_secret": [WEBHOOK_SECRET],
        "slack_bot_token": "xoxb-none",
        "slack_signing_secret": "signing secret",
    }
    return Settings(_env_file=None, **(values | more))  # type: ignore[arg-type]


async def test_a_worker_that_starts_queues_what_recurs_and_looks_for_missed_deliveries_now(
    db: Database, dsn: str
) -> None:
    stop = asyncio.Event()
    stop.set()
    for _ in range(2):
        await run_worker(settings_of_a_worker(dsn), stop)
    queue = Queue(db)
    recurring = await queue.queued()
    later = {queued.job.job_type for queued in recurring if queued.due_at > queue.now()}
    assert later == {COMPARE_WITH_GITHUB, NOTICE_DOWNTIME, REFRESH_WORKSPACES, REPAIR, SCHEDULE_DIGESTS, TIDY}
    now = {queued.job.job_type for queued in recurring} - later
    assert now == {FIND_MISSED_DELIVERIES}, "a start asks at once what arrived meanwhile"


async def test_a_worker_with_a_port_for_metrics_tells_there_what_became_of_jobs(
    db: Database, dsn: str
) -> None:
    port, stop = find_free_port("127.0.0.1"), asyncio.Event()
    await Queue(db).save(Job(job_type="of the future"))
    settings = settings_of_a_worker(dsn, metrics_port=port, metrics_token="s3cret")
    running = asyncio.create_task(run_worker(settings, stop))
    transport = httpx.AsyncHTTPTransport(retries=8, verify=tls_context())  # until it listens
    url = f"http://127.0.0.1:{port}/metrics"
    wanted = 'ripe_jobs_settled_total{job_type="of the future",outcome="retried"} 1.0'
    async with asyncio.timeout(20), httpx.AsyncClient(transport=transport) as client:
        assert (await client.get(url)).status_code == 401
        while wanted not in (await client.get(url, headers={"Authorization": "Bearer s3cret"})).text:
            assert not running.done()
    stop.set()
    await running


async def test_a_second_worker_on_the_same_port_is_told_to_take_another(dsn: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - where the worker would listen
        settings = settings_of_a_worker(dsn, metrics_port=taken.getsockname()[1])
        with pytest.raises(PortInUseError, match=r"METRICS_PORT: \d+ is in use"):
            await run_worker(settings, asyncio.Event())
