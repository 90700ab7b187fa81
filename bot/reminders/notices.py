"""Notices in the outbox: DMs that are not about one review request. Uses the ambient transaction."""

from datetime import datetime
from typing import Any

from bot.reminders.model import Message, Notice, NoticeKind
from bot.reviews.model import PullRequest
from jobq import current_database


async def find_notice(notice: Notice) -> Message | None:
    """The row of this notice; but first, an earlier one of the kind that may or may not have arrived."""
    row = await current_database().fetchrow(
        """
        SELECT id, 0 AS sequence, state, sending_at, sending_on AS sending_started_at, sent_at, channel, ts,
            shown, error
        FROM message
        WHERE pull_request_id = $1 AND notice = $2 AND round = $3
            OR person_id = $4 AND letter = $2 AND (occasion = $5 OR state IN ('sending', 'unknown'))
        ORDER BY state IN ('sending', 'unknown') DESC, id LIMIT 1
        """,
        notice.pull_request_id,
        notice.kind,
        notice.round,
        notice.person_id,
        notice.occasion,
    )
    return Message.model_validate(dict(row)) if row else None


async def insert_notice(notice: Notice, now: datetime) -> int | None:
    """Writes the row of a notice that is about to be posted; returns its id. None if it has one already."""
    identity: int | None = await current_database().fetchval(
        """
        INSERT INTO message (workspace_id, person_id, pull_request_id, notice, round, letter, occasion, state,
            sending_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'sending', $8)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        notice.workspace_id,
        notice.person_id,
        notice.pull_request_id,
        None if notice.round is None else notice.kind,
        notice.round,
        None if notice.occasion is None else notice.kind,
        notice.occasion,
        now,
    )
    return identity


async def list_author_notices(pull_request: PullRequest) -> tuple[tuple[NoticeKind, Message], ...]:
    """The notices that the author got, or is getting, in the current round, oldest first."""
    rows = await current_database().fetch(
        """
        SELECT notice, id, 0 AS sequence, state, sending_at, sending_on AS sending_started_at, sent_at,
            channel, ts, shown, error
        FROM message WHERE pull_request_id = $1 AND round = $2 ORDER BY id
        """,
        pull_request.id,
        pull_request.round,
    )
    return tuple(_kind_and_message(dict(row)) for row in rows)


def _kind_and_message(fields: dict[str, Any]) -> tuple[NoticeKind, Message]:
    return NoticeKind(fields.pop("notice")), Message.model_validate(fields)
