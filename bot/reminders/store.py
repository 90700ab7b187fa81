"""The outbox in Postgres: the DMs that were sent, are being sent, or may have arrived."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.model import PersonId, RequestId
from bot.reminders.model import MessageState
from bot.reviews.model import ReviewRequest
from jobq import current_database


async def begin_sending(request: ReviewRequest, sequence: int, person_id: PersonId, now: datetime) -> int:
    """Writes the row of a DM that is about to be posted: once it is committed, the DM may be on the wire."""
    identity: int = await current_database().fetchval(
        """
        INSERT INTO message (workspace_id, request_id, sequence, state, person_id, sending_at)
        VALUES ($1, $2, $3, 'sending', $4, $5) RETURNING id
        """,
        request.workspace_id,
        request.id,
        sequence,
        person_id,
        now,
    )
    return identity


async def record_sent(message_id: int, channel: str, ts: str, shown: str, sent_at: datetime) -> None:
    """The DM arrived, or was found to have arrived."""
    await current_database().execute(
        "UPDATE message SET state = 'sent', channel = $2, ts = $3, shown = $4, sent_at = $5 WHERE id = $1",
        message_id,
        channel,
        ts,
        shown,
        sent_at,
    )


async def record_shadow(message_id: int, shown: str, now: datetime) -> None:
    """In shadow mode: everything is as if the DM had been sent, except that it has no address."""
    await current_database().execute(
        "UPDATE message SET state = 'sent', shown = $2, sent_at = $3 WHERE id = $1", message_id, shown, now
    )


async def record_state(message_id: int, state: MessageState, error: str) -> None:
    """The DM's reply was lost (UNKNOWN), or Slack certainly refused it (FAILED)."""
    await current_database().execute(
        "UPDATE message SET state = $2, error = $3 WHERE id = $1", message_id, state, error
    )


class Unsent(NamedTuple):
    """A DM that never left."""

    person_id: PersonId
    sending_at: datetime


async def delete_unsent(message_id: int) -> Unsent | None:
    """The DM was certainly not posted: it may be sent again. None if the row is gone or says SENT."""
    row = await current_database().fetchrow(
        "DELETE FROM message WHERE id = $1 AND state <> 'sent' RETURNING person_id, sending_at", message_id
    )
    return Unsent(PersonId(row["person_id"]), row["sending_at"]) if row else None


async def delete_refused(request_ids: Iterable[RequestId]) -> None:
    """Forgets the DMs about these requests that Slack refused, so that they are decided anew."""
    await current_database().execute(
        "DELETE FROM message WHERE request_id = ANY($1::bigint[]) AND state = 'failed'", list(request_ids)
    )


async def record_shown(message_id: int, shown: str, error: str | None = None) -> None:
    """The DM shows this now; or, with the `error` of a refused edit, it never will and nobody tries again."""
    await current_database().execute(
        "UPDATE message SET shown = $2, error = $3 WHERE id = $1", message_id, shown, error
    )


async def time_since_sending(message_id: int) -> timedelta:
    """Real time since the call began, on Postgres's clock, which nobody moves."""
    age: timedelta = await current_database().fetchval(
        "SELECT clock_timestamp() - sending_on FROM message WHERE id = $1", message_id
    )
    return age
