"""The worker process: what it starts with."""

import asyncio

from bot.jobs.catalog import TIDY
from bot.settings import Settings
from bot.worker import run_worker
from jobq import Database, Queue
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


async def test_a_worker_that_starts_queues_what_recurs_and_not_for_now(db: Database, dsn: str) -> None:
    stop = asyncio.Event()
    stop.set()
    for _ in range(2):
        await run_worker(settings_of_a_worker(dsn), stop)
    queue = Queue(db)
    (recurring,) = await queue.queued()
    assert recurring.job.job_type == TIDY
    assert recurring.due_at > queue.now()
