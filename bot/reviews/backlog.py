"""Review requests that were open before Ripe came, in Postgres, and who was told of them."""

from collections.abc import Iterable
from datetime import datetime

from bot.model import PersonId, PullRequestId, RequestId, Value, WorkspaceId
from jobq import current_database


class Entry(Value):
    """A review request that its reviewer was not told of yet."""

    request_id: RequestId
    pull_request_id: PullRequestId


async def insert_entries(
    workspace_id: WorkspaceId, request_ids: Iterable[RequestId], found_at: datetime
) -> None:
    """From now on these requests belong to the backlog."""
    await current_database().executemany(
        "INSERT INTO backlog (workspace_id, request_id, found_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(workspace_id, request_id, found_at) for request_id in request_ids],
    )


async def list_untold(person_id: PersonId) -> tuple[Entry, ...]:
    """What a person is to be told of, on any of their accounts, in the order in which to lock it."""
    rows = await current_database().fetch(
        """
        SELECT backlog.request_id, review_request.pull_request_id
        FROM backlog
        JOIN review_request ON review_request.id = backlog.request_id
        JOIN account ON (account.workspace_id, account.id)
            = (review_request.workspace_id, review_request.reviewer_id)
        JOIN pull_request ON pull_request.id = review_request.pull_request_id
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        WHERE account.person_id = $1 AND backlog.message_id IS NULL AND review_request.closed_at IS NULL
            AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
            AND NOT EXISTS (SELECT FROM held WHERE held.pull_request_id = pull_request.id)
        ORDER BY review_request.pull_request_id, review_request.id
        """,
        person_id,
    )
    return tuple(Entry.model_validate(dict(row)) for row in rows)


async def list_people_to_tell() -> tuple[PersonId, ...]:
    """Whoever something of the backlog still waits for in silence."""
    rows = await current_database().fetch(
        """
        SELECT DISTINCT account.person_id
        FROM backlog
        JOIN review_request ON review_request.id = backlog.request_id
        JOIN pull_request ON pull_request.id = review_request.pull_request_id
        JOIN account ON (account.workspace_id, account.id)
            = (review_request.workspace_id, review_request.reviewer_id)
        JOIN person ON person.id = account.person_id
        JOIN repository ON repository.id = pull_request.repository_id
        JOIN installation ON installation.id = repository.installation_id
        WHERE backlog.message_id IS NULL AND review_request.closed_at IS NULL
            AND review_request.snoozed_until_change AND review_request.muted_at IS NULL
            AND pull_request.state = 'open' AND NOT pull_request.is_draft AND person.is_active
            AND repository.removed_at IS NULL
            AND installation.deleted_at IS NULL AND installation.suspended_at IS NULL
        ORDER BY account.person_id
        """
    )
    return tuple(PersonId(row["person_id"]) for row in rows)


async def mark_told(request_ids: Iterable[RequestId], message_id: int) -> None:
    """They are in the letter with this id. Should that prove not to have been sent, they are untold again."""
    await current_database().execute(
        "UPDATE backlog SET message_id = $2 WHERE request_id = ANY($1::bigint[])",
        list(request_ids),
        message_id,
    )
