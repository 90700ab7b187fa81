"""Reads stored rows for tests to look at."""

from bot.model import PullRequestId
from bot.reviews.model import PullRequest
from bot.reviews.store import list_pull_requests_by_id


async def load_pull_request(pull_request_id: PullRequestId) -> PullRequest:
    """Fails if there is none."""
    (pull_request,) = await list_pull_requests_by_id([pull_request_id])
    return pull_request
