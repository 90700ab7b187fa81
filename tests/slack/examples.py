"""Example values for tests of messages and actions."""

from datetime import UTC, datetime

from bot.github.model import Account, PullRequestState
from bot.model import AccountId, PullRequestId, RepositoryId, WorkspaceId
from bot.reviews.model import PullRequest

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""10:00 in Berlin."""


def example_pull_request(number: int = 12, title: str = "Round half to even") -> PullRequest:
    """A pull request of Ben's in acme/api."""
    return PullRequest(
        id=PullRequestId(1000 + number),
        workspace_id=WorkspaceId(1),
        repository_id=RepositoryId(77),
        repository="acme/api",
        number=number,
        title=title,
        url=f"https://github.example/acme/api/pull/{number}",
        author=Account(id=AccountId(2), login="ben-gh"),
        state=PullRequestState.OPEN,
        is_draft=False,
        head_sha="a" * 40,
        labels=frozenset(),
        additions=120,
        deletions=8,
        changed_files=3,
        created_at=MONDAY,
        updated_at=MONDAY,
    )
