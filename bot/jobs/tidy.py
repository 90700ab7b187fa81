"""Deletes once a day what was kept long enough."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.flows.paging import execute_in_pages, walk_in_pages
from jobq import ClaimedJob, Queue

log = structlog.get_logger()

EVERY = timedelta(days=1)
PAGE = 1_000
"""Rows a statement."""
DEAD_JOBS_ARE_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Retention:
    """How long something is kept. The statement deletes one page ($2 rows) of what is older than $1."""

    name: str
    kept: timedelta
    statement: str
    share: int = 1
    """Part of a page that one statement deletes: a row whose others hang on it costs more."""
    has_position: bool = False
    """The statement looks only from $3 on, and returns the times of its rows: see walk_in_pages."""


RETENTIONS = (
    Retention(
        # So long, GitHub's redelivery of an old delivery changes nothing: its GUID is known.
        "deliveries",
        timedelta(days=30),
        """
        DELETE FROM delivery WHERE guid = ANY (ARRAY(
            SELECT guid FROM delivery WHERE received_at < $1 ORDER BY received_at LIMIT $2))
        """,
    ),
    Retention(
        # GitHub lists a delivery for three days, so this one is never asked for again.
        "redeliveries",
        timedelta(days=30),
        """
        DELETE FROM redelivery WHERE guid = ANY (ARRAY(
            SELECT guid FROM redelivery WHERE asked_at < $1 LIMIT $2))
        """,
    ),
    Retention(
        "payloads",
        timedelta(days=8),
        """
        UPDATE delivery SET fact = NULL WHERE guid = ANY (ARRAY(
            SELECT guid FROM delivery WHERE received_at < $1 AND received_at >= $3 AND fact IS NOT NULL
            ORDER BY received_at LIMIT $2))
        RETURNING received_at AS at
        """,
        # Three weeks of deliveries without payloads are older than the first with one.
        has_position=True,
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
        # A state expires in real time, however far the sandbox's clock was moved.
        "oauth_states",
        timedelta(days=1),
        """
        DELETE FROM oauth_state WHERE digest = ANY (ARRAY(
            SELECT digest FROM oauth_state
            WHERE expires_at < $1 AND expires_at < clock_timestamp() ORDER BY expires_at LIMIT $2))
        """,
    ),
    Retention(
        # Counted from the end of the review request, or of the pull request of an author's notice: as long as
        # it is open, a DM that was deleted would be sent again.
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
        # Greetings and digests. A digest stays while a review request or pull request in it is open: without
        # it, that would be listed again.
        "personal_notices",
        timedelta(days=90),
        """
        DELETE FROM message WHERE id = ANY (ARRAY(
            SELECT id FROM message
            WHERE letter IS NOT NULL AND sending_at < $1
              AND NOT EXISTS (
                  SELECT FROM backlog JOIN review_request ON review_request.id = backlog.request_id
                  WHERE backlog.message_id = message.id AND review_request.closed_at IS NULL)
              AND NOT EXISTS (
                  SELECT FROM digest_item JOIN review_request ON review_request.id = digest_item.request_id
                  WHERE digest_item.message_id = message.id AND review_request.closed_at IS NULL)
              AND NOT EXISTS (
                  SELECT FROM late_notice JOIN pull_request ON pull_request.id = late_notice.pull_request_id
                  WHERE late_notice.message_id = message.id AND pull_request.state = 'open')
            LIMIT $2))
        """,
    ),
    Retention(
        # Undo works for a day.
        "actions",
        timedelta(days=30),
        """
        DELETE FROM action WHERE id = ANY (ARRAY(
            SELECT id FROM action WHERE done_at < $1 ORDER BY id LIMIT $2))
        """,
    ),
    Retention(
        # Counted from its end. As long as a review request from before that end is open, the age of that
        # request, in working time, leaves the absence out.
        "absences",
        timedelta(days=90),
        """
        DELETE FROM absence WHERE id = ANY (ARRAY(
            SELECT id FROM absence
            WHERE ends_at < $1 AND created_at < $1
              AND NOT EXISTS (
                  SELECT FROM account JOIN review_request ON review_request.reviewer_id = account.id
                  WHERE account.person_id = absence.person_id AND closed_at IS NULL
                    AND opened_at < absence.ends_at)
            ORDER BY id LIMIT $2))
        """,
    ),
    Retention(
        # Counted from the last change of a pull request that is closed, like the next two.
        "reviews",
        timedelta(days=90),
        """
        DELETE FROM review WHERE id = ANY (ARRAY(
            SELECT review.id FROM review JOIN pull_request ON pull_request.id = review.pull_request_id
            WHERE pull_request.state <> 'open' AND updated_at < $1 ORDER BY review.id LIMIT $2))
        """,
    ),
    Retention(
        "assignments",
        timedelta(days=90),
        """
        DELETE FROM assignment WHERE id = ANY (ARRAY(
            SELECT assignment.id
            FROM assignment JOIN pull_request ON pull_request.id = assignment.pull_request_id
            WHERE pull_request.state <> 'open' AND updated_at < $1 ORDER BY assignment.id LIMIT $2))
        """,
    ),
    Retention(
        # With its review requests and all that hangs on them. A reviewer's newest request stays: the choice
        # of reviewers goes by when each was last asked.
        "pull_requests",
        timedelta(days=180),
        """
        DELETE FROM pull_request WHERE id = ANY (ARRAY(
            SELECT id FROM pull_request
            WHERE state <> 'open' AND updated_at < $1
              AND NOT EXISTS (
                  SELECT FROM review_request AS request WHERE request.pull_request_id = pull_request.id
                    AND (closed_at IS NULL OR NOT EXISTS (
                        SELECT FROM review_request AS later WHERE later.reviewer_id = request.reviewer_id
                          AND (later.opened_at, later.id) > (request.opened_at, request.id))))
              AND NOT EXISTS (
                  SELECT FROM message WHERE message.pull_request_id = pull_request.id
                    AND message.state IN ('sending', 'unknown'))
              AND NOT EXISTS (
                  SELECT FROM message JOIN review_request ON review_request.id = message.request_id
                  WHERE review_request.pull_request_id = pull_request.id
                    AND message.state IN ('sending', 'unknown'))
            ORDER BY id LIMIT $2))
        """,
        share=10,
    ),
)


async def tidy(job: ClaimedJob, *, queue: Queue, clock: Clock, page: int = PAGE) -> None:
    """Deletes everything that was kept long enough, and logs how much of each that was."""
    now = clock.now()
    deleted = {retention.name: await _apply(retention, now, page) for retention in RETENTIONS}
    deleted["dead_jobs"] = await queue.prune(now - DEAD_JOBS_ARE_KEPT, page)
    log.info("tidied", **deleted)


async def _apply(retention: Retention, now: datetime, page: int) -> int:
    execute = walk_in_pages if retention.has_position else execute_in_pages
    return await execute(retention.statement, now - retention.kept, page=max(page // retention.share, 1))
