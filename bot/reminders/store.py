"""The outbox in Postgres: the DMs that were sent, are being sent, or may have arrived."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.model import PersonId, PullRequestId, RequestId, WorkspaceId
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


async def record_address(message_id: int, channel: str, ts: str) -> None:
    """The DM was found in another channel than the one in which it was posted."""
    await current_database().execute(
        "UPDATE message SET channel = $2, ts = $3 WHERE id = $1", message_id, channel, ts
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


class Refused(NamedTuple):
    """The subject of a DM that Slack refused: a review request, or a notice about a pull request."""

    request_id: RequestId | None
    pull_request_id: PullRequestId | None
    notice: str | None


async def delete_refused(
    until: datetime, workspace_id: WorkspaceId | None = None, person_id: PersonId | None = None
) -> tuple[Refused, ...]:
    """Forgets the DMs that Slack refused until then, of everybody or of some, so they are decided anew.

    Personal notices stay: no job would send them again.
    """
    rows = await current_database().fetch(
        """
        DELETE FROM message
        WHERE state = 'failed' AND sending_at <= $1 AND letter IS NULL
            AND ($2::bigint IS NULL OR workspace_id = $2) AND ($3::bigint IS NULL OR person_id = $3)
        RETURNING request_id, pull_request_id, notice
        """,
        until,
        workspace_id,
        person_id,
    )
    return tuple(Refused(row["request_id"], row["pull_request_id"], row["notice"]) for row in rows)


async def reopen_edits(
    final: Iterable[str], workspace_id: WorkspaceId | None = None
) -> tuple[RequestId, ...]:
    """Forgets that Slack refused to edit a DM, unless the error is one of the `final` ones.

    Earlier releases took a wrong token or a stale channel for final. Returns the requests to look at.
    """
    rows = await current_database().fetch(
        """
        UPDATE message SET shown = '', error = NULL
        WHERE state = 'sent' AND error IS NOT NULL AND error <> ALL($1::text[]) AND ts IS NOT NULL
            AND request_id IS NOT NULL AND ($2::bigint IS NULL OR workspace_id = $2)
        RETURNING request_id
        """,
        list(final),
        workspace_id,
    )
    return tuple(RequestId(row["request_id"]) for row in rows)


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
