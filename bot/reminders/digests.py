"""Digests in Postgres: which review requests they list or will list. Uses the ambient transaction."""

from collections.abc import Iterable
from datetime import datetime

from bot.model import PersonId, RequestId
from bot.reminders.model import Message
from bot.reviews.model import ReviewRequest
from jobq import current_database


async def plan_item(request: ReviewRequest, planned_at: datetime) -> None:
    """The person's digest of that time is to list the request, and no other one is."""
    await current_database().execute(
        """
        WITH planned AS (
            UPDATE digest_item SET planned_at = $3 WHERE request_id = $2 AND message_id IS NULL RETURNING id
        )
        INSERT INTO digest_item (workspace_id, request_id, planned_at)
        SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM planned)
        """,
        request.workspace_id,
        request.id,
        planned_at,
    )


async def drop_item(request_id: RequestId) -> None:
    """No digest is to list the request, because something has changed."""
    await current_database().execute(
        "DELETE FROM digest_item WHERE request_id = $1 AND message_id IS NULL", request_id
    )


async def mark_listed(request_ids: Iterable[RequestId], message_id: int) -> None:
    """The digest with this id lists these. If it proves not to have been sent, they wait for one again."""
    await current_database().execute(
        "UPDATE digest_item SET message_id = $2 WHERE request_id = ANY($1::bigint[]) AND message_id IS NULL",
        list(request_ids),
        message_id,
    )


async def find_digest(person_id: PersonId, day: str) -> Message | None:
    """The digest of either kind on a local day; but first, one that may or may not have arrived."""
    row = await current_database().fetchrow(
        """
        SELECT id, 0 AS sequence, state, sending_at, sending_on AS sending_started_at, sent_at, channel, ts,
            shown, error
        FROM message
        WHERE person_id = $1 AND letter IN ('digest', 'backlog')
            AND (occasion = $2 OR state IN ('sending', 'unknown'))
        ORDER BY state IN ('sending', 'unknown') DESC, id LIMIT 1
        """,
        person_id,
        day,
    )
    return Message.model_validate(dict(row)) if row else None
