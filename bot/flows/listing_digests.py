"""The digests that list a review request. Uses the ambient database."""

from bot.model import RequestId
from bot.reminders.model import Message
from jobq import current_database


async def list_digests(request_id: RequestId) -> tuple[Message, ...]:
    """The digests that list the request, oldest first. Those that failed are among them."""
    rows = await current_database().fetch(
        """
        SELECT id, 0 AS sequence, state, sending_at, sending_on AS sending_started_at, sent_at, channel, ts,
            shown, error
        FROM message
        WHERE id IN (
            SELECT message_id FROM digest_item WHERE request_id = $1
            UNION ALL SELECT message_id FROM backlog WHERE request_id = $1)
        ORDER BY sending_at, id
        """,
        request_id,
    )
    return tuple(Message.model_validate(dict(row)) for row in rows)
