"""Adds the outcome of each job to the sandbox's news.

Two triggers report them, which only a sandbox's database has: queue and worker need no code for it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from bot.sandbox.news import News
from jobq import Database, wait_without_cancelling

CHANNEL = "ripe_sandbox_job"
MOST_OF_GUID = 13
"""Characters: enough to distinguish deliveries."""

# A settled job loses its row or its lease. A cancelled job had no lease, and a heartbeat keeps the lease.
WATCH = """
CREATE OR REPLACE FUNCTION sandbox_report_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ripe_sandbox_job', json_build_object(
        'job_type', OLD.job_type, 'arguments', OLD.arguments, 'is_gone', TG_OP = 'DELETE',
        'until', CASE TG_OP WHEN 'UPDATE' THEN NEW.ripe_at END,
        'error', CASE WHEN TG_OP = 'UPDATE' AND NEW.tries > 0 THEN left(NEW.last_error, 300) END)::text);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER sandbox_job_gone AFTER DELETE ON job FOR EACH ROW
    WHEN (OLD.leased_until IS NOT NULL) EXECUTE FUNCTION sandbox_report_job();
CREATE OR REPLACE TRIGGER sandbox_job_again AFTER UPDATE ON job FOR EACH ROW
    WHEN (OLD.leased_until IS NOT NULL AND NEW.leased_until IS NULL) EXECUTE FUNCTION sandbox_report_job();
"""
UNWATCH = "DROP FUNCTION IF EXISTS sandbox_report_job() CASCADE"


@asynccontextmanager
async def reporting_jobs(database: Database, news: News) -> AsyncIterator[None]:
    """Add the outcome of each job to `news` while the block runs."""
    await database.execute(WATCH)
    connection = await database.connect(database.direct_dsn)
    try:
        await connection.add_listener(
            CHANNEL, lambda *notification: _report(news, json.loads(notification[-1]))
        )
        yield
    finally:
        # Not close(): that would wait for a server that may be gone.
        connection.terminate()
        await _unwatch(database)


async def _unwatch(database: Database) -> None:
    """Drop the triggers, unless Postgres has stopped before us. The next start replaces what is left."""
    await wait_without_cancelling(asyncio.ensure_future(database.execute(UNWATCH)), 0.5)


def _report(news: News, settled: Mapping[str, Any]) -> None:
    arguments = " ".join(str(value)[:MOST_OF_GUID] for value in settled["arguments"].values())
    until = datetime.fromisoformat(settled["until"]) if settled["until"] else None
    error = settled["error"]
    outcome = "done" if settled["is_gone"] else f"tried again: {error}" if error else "postponed"
    news.add("job", f"{settled['job_type']} {arguments}".rstrip(), outcome, is_ok=error is None, until=until)
