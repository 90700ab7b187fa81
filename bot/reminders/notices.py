"""Notices in the outbox: DMs that are not about one review request. Uses the ambient transaction."""

from collections.abc import Iterable
from datetime import datetime

from bot.model import PersonId, Value
from bot.reminders.model import Message, Notice, NoticeKind
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
        INSERT INTO message (workspace_id, person_id, pull_request_id, notice, round, letter, occasion,
            topics, state, sending_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'sending', $9)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        notice.workspace_id,
        notice.person_id,
        notice.pull_request_id,
        None if notice.round is None else notice.kind,
        notice.round,
        None if notice.occasion is None else notice.kind,
        notice.occasion,
        sorted(notice.topics),
        now,
    )
    return identity


async def count_notices(person_id: PersonId, kinds: Iterable[NoticeKind], since: datetime) -> int:
    """How many notices of these kinds about pull requests a person got since then."""
    count: int = await current_database().fetchval(
        "SELECT count(*) FROM message WHERE person_id = $1 AND notice = ANY($2) AND sending_at >= $3",
        person_id,
        list(kinds),
        since,
    )
    return count


async def count_notices_to_person(person_id: PersonId, kind: NoticeKind, since: datetime) -> int:
    """How many notices of this kind, which is about no pull request, a person got since then."""
    count: int = await current_database().fetchval(
        "SELECT count(*) FROM message WHERE person_id = $1 AND letter = $2 AND sending_at >= $3",
        person_id,
        kind,
        since,
    )
    return count


async def is_refused(message_id: int) -> bool:
    """Whether Slack refused a DM for good."""
    refused: bool = await current_database().fetchval(
        "SELECT EXISTS (SELECT FROM message WHERE id = $1 AND state = 'failed')", message_id
    )
    return refused


class AuthorNotice(Value):
    """A notice in the outbox, and the reasons for silence that it states."""

    kind: NoticeKind
    topics: frozenset[str]
    message: Message
