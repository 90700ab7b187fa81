"""Reads stored rows for tests to look at."""

from bot.model import PersonId, PullRequestId, RequestId
from bot.reviews.model import PullRequest
from bot.reviews.store import list_pull_requests_by_id
from jobq import current_database


async def load_pull_request(pull_request_id: PullRequestId) -> PullRequest:
    """Fails if there is none."""
    (pull_request,) = await list_pull_requests_by_id([pull_request_id])
    return pull_request


async def list_unlisted_backlog(person_id: PersonId) -> tuple[RequestId, ...]:
    """A person's requests of the backlog, on any of their accounts, that no digest lists."""
    rows = await current_database().fetch(
        """
        SELECT request_id FROM backlog
        JOIN review_request ON review_request.id = request_id
        JOIN account ON account.workspace_id = review_request.workspace_id AND account.id = reviewer_id
        WHERE person_id = $1 AND message_id IS NULL ORDER BY request_id
        """,
        person_id,
    )
    return tuple(RequestId(row["request_id"]) for row in rows)
