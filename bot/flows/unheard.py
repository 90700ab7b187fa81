"""Pull requests on which nobody acts and whose author gets no DMs. An admin hears of each once.

Uses the ambient database and transaction.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bot.model import PullRequestId, WorkspaceId
from jobq import current_database

AT_MOST_EVERY = timedelta(days=7)
"""An admin gets one line about a pull request in this time, even if there is something else to say."""

HEARD_WITHIN = timedelta(days=4)
"""An admin gets the notice in their working hours, which may begin after a long weekend."""


async def note_unheard(
    workspace_id: WorkspaceId, pull_request_id: PullRequestId, topics: Iterable[str], now: datetime
) -> None:
    """Notes it for an admin, unless one has heard all of this, or has heard of it this week."""
    await current_database().execute(
        """
        INSERT INTO unheard AS noted (workspace_id, pull_request_id, topics, noted_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (pull_request_id) DO UPDATE
        SET topics = excluded.topics, noted_at = excluded.noted_at, message_id = NULL
        WHERE noted.message_id IS NOT NULL AND NOT noted.topics @> excluded.topics AND noted.told_at < $5
        """,
        workspace_id,
        pull_request_id,
        sorted(topics),
        now,
        now - AT_MOST_EVERY,
    )


async def list_unheard(workspace_id: WorkspaceId) -> tuple[PullRequestId, ...]:
    """Those of which no admin has heard, oldest first."""
    rows = await current_database().fetch(
        """
        SELECT unheard.pull_request_id
        FROM unheard LEFT JOIN message ON message.id = unheard.message_id
        WHERE unheard.workspace_id = $1 AND (message.id IS NULL OR message.state = 'failed')
        ORDER BY noted_at
        """,
        workspace_id,
    )
    return tuple(PullRequestId(row["pull_request_id"]) for row in rows)


async def mark_heard(topics: Mapping[PullRequestId, frozenset[str]], message_id: int, now: datetime) -> None:
    """This notice to an admin says so. If it is never sent, its row goes, and they are unheard again."""
    for pull_request_id, said in topics.items():
        await current_database().execute(
            "UPDATE unheard SET message_id = $2, told_at = $3, topics = $4 WHERE pull_request_id = $1",
            pull_request_id,
            message_id,
            now,
            sorted(said),
        )


async def forget_unheard(pull_request_ids: Iterable[PullRequestId]) -> None:
    """Somebody acts on them again, or nobody needs to."""
    await current_database().execute(
        """
        DELETE FROM unheard
        WHERE pull_request_id = ANY($1::bigint[]) AND NOT EXISTS (
            SELECT FROM message WHERE message.id = unheard.message_id AND message.state <> 'failed')
        """,
        list(pull_request_ids),
    )


async def unheard_since(pull_request_id: PullRequestId) -> datetime | None:
    """Since when neither the author nor an admin has heard of it. None: one of them has, or need not."""
    since: datetime | None = await current_database().fetchval(
        """
        SELECT noted_at FROM unheard LEFT JOIN message ON message.id = unheard.message_id
        WHERE unheard.pull_request_id = $1 AND (message.id IS NULL OR message.state = 'failed')
        """,
        pull_request_id,
    )
    return since


async def list_unheard_labels(noted_before: datetime) -> tuple[str, ...]:
    """The open pull requests, in all workspaces, of which nobody has heard since then."""
    rows = await current_database().fetch(
        """
        SELECT repository.full_name || '#' || pull_request.number AS label
        FROM unheard
        JOIN pull_request ON pull_request.id = unheard.pull_request_id
        JOIN repository ON repository.id = pull_request.repository_id
        LEFT JOIN message ON message.id = unheard.message_id
        WHERE pull_request.state = 'open' AND unheard.noted_at < $1
            AND (message.id IS NULL OR message.state = 'failed')
        ORDER BY unheard.noted_at
        """,
        noted_before,
    )
    return tuple(row["label"] for row in rows)
