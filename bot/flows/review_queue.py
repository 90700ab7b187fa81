"""The open reviews that concern one person. Uses the ambient database."""

from collections.abc import Sequence

from bot.model import PersonId, RequestId
from bot.reviews.model import PullRequest, ReviewRequest
from bot.reviews.store import list_pull_requests_by_id, list_requests_by_id
from jobq import current_database

WAITING_FOR_OTHERS = """
    SELECT review_request.id FROM review_request
    JOIN pull_request ON pull_request.id = review_request.pull_request_id
    JOIN account ON (account.workspace_id, account.id) = (pull_request.workspace_id, pull_request.author_id)
    WHERE account.person_id = $1 AND review_request.closed_at IS NULL AND pull_request.state = 'open'
"""


async def list_open_requests_of_person(person_id: PersonId) -> tuple[tuple[ReviewRequest, PullRequest], ...]:
    """The reviews that a person is asked for, on any of their accounts, oldest first."""
    rows = await current_database().fetch(
        """
        SELECT review_request.id FROM review_request
        JOIN account ON (account.workspace_id, account.id)
            = (review_request.workspace_id, review_request.reviewer_id)
        WHERE account.person_id = $1 AND review_request.closed_at IS NULL
        """,
        person_id,
    )
    return await _with_open_pull_requests([RequestId(row["id"]) for row in rows])


async def list_waiting_for_others(person_id: PersonId) -> tuple[tuple[ReviewRequest, PullRequest], ...]:
    """The open requests on a person's own pull requests, oldest first."""
    rows = await current_database().fetch(WAITING_FOR_OTHERS, person_id)
    return await _with_open_pull_requests([RequestId(row["id"]) for row in rows])


async def _with_open_pull_requests(
    request_ids: Sequence[RequestId],
) -> tuple[tuple[ReviewRequest, PullRequest], ...]:
    requests = await list_requests_by_id(request_ids)
    pull_requests = await list_pull_requests_by_id({request.pull_request_id for request in requests})
    by_id = {pull_request.id: pull_request for pull_request in pull_requests if pull_request.is_open}
    return tuple(
        (request, by_id[request.pull_request_id]) for request in requests if request.pull_request_id in by_id
    )
