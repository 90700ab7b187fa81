"""Finds the open review requests that a change of a person or of a repository affects."""

from bot.model import PersonId, RequestId, WorkspaceId
from jobq import current_database


async def list_unmapped_reviewers(workspace_id: WorkspaceId) -> tuple[tuple[str, int], ...]:
    """The logins of reviewers whom nobody has mapped, with how many open requests they have, most first."""
    rows = await current_database().fetch(
        """
        SELECT max(reviewer_login) AS login, count(*) AS waiting FROM review_request
        WHERE workspace_id = $1 AND closed_at IS NULL AND NOT EXISTS (
            SELECT FROM account
            WHERE account.workspace_id = review_request.workspace_id AND account.id = reviewer_id)
        GROUP BY reviewer_id ORDER BY waiting DESC, login
        """,
        workspace_id,
    )
    return tuple((row["login"], row["waiting"]) for row in rows)


async def list_open_request_ids_of_person(person_id: PersonId) -> tuple[RequestId, ...]:
    """The open requests to a person, on any of their accounts."""
    rows = await current_database().fetch(
        """
        SELECT review_request.id FROM review_request
        JOIN account ON account.workspace_id = review_request.workspace_id AND account.id = reviewer_id
        WHERE account.person_id = $1 AND closed_at IS NULL ORDER BY review_request.id
        """,
        person_id,
    )
    return tuple(RequestId(row["id"]) for row in rows)


async def list_open_request_ids_of_repository(
    workspace_id: WorkspaceId, full_name: str
) -> tuple[RequestId, ...]:
    """The open requests in a repository, by its name in any case."""
    rows = await current_database().fetch(
        """
        SELECT review_request.id FROM review_request
        JOIN pull_request ON pull_request.id = pull_request_id
        JOIN repository ON repository.id = repository_id
        WHERE repository.workspace_id = $1 AND lower(full_name) = lower($2) AND closed_at IS NULL
        """,
        workspace_id,
        full_name,
    )
    return tuple(RequestId(row["id"]) for row in rows)
