"""The outbox in Postgres: what was sent, is being sent, or is not known to have arrived."""

from datetime import datetime, timedelta

from bot.model import PersonId
from bot.reminders.model import Message, MessageState, NoticeKind
from bot.reviews.model import PullRequest, ReviewRequest
from jobq import current_database


async def begin_sending(request: ReviewRequest, sequence: int, person_id: PersonId, now: datetime) -> int:
    """Writes down that a DM is about to be posted: from its commit on, the DM may be on the wire."""
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


async def begin_notice(
    pull_request: PullRequest, kind: NoticeKind, person_id: PersonId, now: datetime
) -> int:
    """Likewise for what an author is told."""
    identity: int = await current_database().fetchval(
        """
        INSERT INTO message (workspace_id, pull_request_id, notice, round, state, person_id, sending_at)
        VALUES ($1, $2, $3, $4, 'sending', $5, $6) RETURNING id
        """,
        pull_request.workspace_id,
        pull_request.id,
        kind,
        pull_request.round,
        person_id,
        now,
    )
    return identity


async def find_notice(pull_request: PullRequest, kind: NoticeKind) -> Message | None:
    """What the author was told of this in this round."""
    row = await current_database().fetchrow(
        """
        SELECT id, 0 AS sequence, state, sending_at, sending_on AS sending_started_at, sent_at, channel, ts,
            shown, error
        FROM message WHERE pull_request_id = $1 AND notice = $2 AND round = $3
        """,
        pull_request.id,
        kind,
        pull_request.round,
    )
    return Message.model_validate(dict(row)) if row else None


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
    """In shadow mode: all is as if the DM had been sent, but it has no address."""
    await current_database().execute(
        "UPDATE message SET state = 'sent', shown = $2, sent_at = $3 WHERE id = $1", message_id, shown, now
    )


async def record_state(message_id: int, state: MessageState, error: str) -> None:
    """The DM's reply was lost (UNKNOWN), or Slack refused it for sure (FAILED)."""
    await current_database().execute(
        "UPDATE message SET state = $2, error = $3 WHERE id = $1", message_id, state, error
    )


async def forget_unsent(message_id: int) -> None:
    """The DM is known not to have been posted, and may be sent again. If it was to welcome, the next does."""
    await current_database().execute(
        """
        WITH unsent AS (
            DELETE FROM message WHERE id = $1 AND state <> 'sent' RETURNING person_id, sending_at)
        UPDATE person SET welcomed_at = NULL FROM unsent
        WHERE person.id = unsent.person_id AND welcomed_at = unsent.sending_at
        """,
        message_id,
    )


async def record_shown(message_id: int, shown: str, error: str | None = None) -> None:
    """What the DM shows now; or, with `error`, what Slack refused to make it show, so that we stop trying."""
    await current_database().execute(
        "UPDATE message SET shown = $2, error = $3 WHERE id = $1", message_id, shown, error
    )


async def time_since_sending(message_id: int) -> timedelta:
    """Real time since the call began, on Postgres's clock, which nobody moves."""
    age: timedelta = await current_database().fetchval(
        "SELECT clock_timestamp() - sending_on FROM message WHERE id = $1", message_id
    )
    return age
