"""Forgets what was kept long enough: once a day, a page at a time, so that no statement is long."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from jobq import ClaimedJob, Queue, current_database

log = structlog.get_logger()

EVERY = timedelta(days=1)
PAGE = 1_000
"""Rows a statement."""
DEAD_JOBS_ARE_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Retention:
    """What is kept for how long. The statement forgets one page ($2 rows) of what is older than $1."""

    name: str
    kept: timedelta
    statement: str


RETENTIONS = (
    Retention(
        # A GUID is kept that long so that GitHub's redelivery of an old delivery changes nothing.
        "deliveries",
        timedelta(days=30),
        """
        DELETE FROM delivery WHERE guid = ANY (ARRAY(
            SELECT guid FROM delivery WHERE received_at < $1 ORDER BY received_at LIMIT $2))
        """,
    ),
    Retention(
        "payloads",
        timedelta(days=8),
        """
        UPDATE delivery SET fact = NULL WHERE guid = ANY (ARRAY(
            SELECT guid FROM delivery WHERE received_at < $1 AND fact IS NOT NULL
            ORDER BY received_at LIMIT $2))
        """,
    ),
    Retention(
        "slack_deliveries",
        timedelta(days=8),
        """
        DELETE FROM slack_delivery WHERE key = ANY (ARRAY(
            SELECT key FROM slack_delivery WHERE received_at < $1 LIMIT $2))
        """,
    ),
    Retention(
        # States live on real time, however far the sandbox's clock was moved.
        "oauth_states",
        timedelta(days=1),
        """
        DELETE FROM oauth_state WHERE digest = ANY (ARRAY(
            SELECT digest FROM oauth_state
            WHERE expires_at < $1 AND expires_at < clock_timestamp() ORDER BY expires_at LIMIT $2))
        """,
    ),
    Retention(
        # Counted from when the review request, or the pull request of a notice, was over: what is forgotten
        # of an open one would be sent again.
        "messages",
        timedelta(days=90),
        """
        DELETE FROM message WHERE id = ANY (ARRAY(
            SELECT message.id
            FROM message
            LEFT JOIN review_request ON review_request.id = message.request_id
            LEFT JOIN pull_request ON pull_request.id = message.pull_request_id
            WHERE message.sending_at < $1
              AND (review_request.closed_at < $1
                   OR pull_request.state <> 'open' AND pull_request.updated_at < $1)
            LIMIT $2))
        """,
    ),
    Retention(
        # Not one that tells of a review request that still waits, which would be told again without it.
        "letters",
        timedelta(days=90),
        """
        DELETE FROM message WHERE id = ANY (ARRAY(
            SELECT id FROM message
            WHERE letter IS NOT NULL AND sending_at < $1
              AND NOT EXISTS (
                  SELECT FROM backlog JOIN review_request ON review_request.id = backlog.request_id
                  WHERE backlog.message_id = message.id AND review_request.closed_at IS NULL)
            LIMIT $2))
        """,
    ),
)


async def tidy(job: ClaimedJob, *, queue: Queue, clock: Clock, page: int = PAGE) -> None:
    """Forgets everything whose time is over, and logs how much of each that was."""
    now = clock.now()
    forgotten = {one.name: await _forget(one, now - one.kept, page) for one in RETENTIONS}
    forgotten["dead_jobs"] = await queue.prune(now - DEAD_JOBS_ARE_KEPT, page)
    log.info("tidied", **forgotten)


async def _forget(retention: Retention, before: datetime, page: int) -> int:
    forgotten = 0
    while True:
        tag = await current_database().execute(retention.statement, before, page)
        rows = int(tag.split()[-1])
        forgotten += rows
        if rows < page:
            return forgotten
