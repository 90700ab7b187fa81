"""Pull requests, and the reviews asked of people."""

from datetime import datetime
from enum import StrEnum

from bot.github.model import Account, PullRequestState, ReviewDecision, ReviewState
from bot.model import AccountId, PullRequestId, RepositoryId, RequestId, Value, WorkspaceId


class PullRequest(Value):
    """A pull request as the newest fact left it."""

    id: PullRequestId
    workspace_id: WorkspaceId
    repository_id: RepositoryId
    repository: str
    number: int
    title: str
    url: str
    author: Account
    state: PullRequestState
    is_draft: bool
    head_sha: str
    labels: frozenset[str]
    requested_teams: tuple[str, ...] = ()
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    review_decision: ReviewDecision | None = None
    created_at: datetime
    updated_at: datetime
    same_second_facts: frozenset[str] = frozenset()
    pushed_at: datetime | None = None
    round: int = 1

    @property
    def is_open(self) -> bool:
        return self.state is PullRequestState.OPEN

    @property
    def label(self) -> str:
        """The short name people use: acme/api#12."""
        return f"{self.repository}#{self.number}"


class CloseReason(StrEnum):
    """How a review request ended.

    UNASSIGNED: GitHub no longer lists the reviewer, and nobody told us who took the request back.
    REMOVED: a human took it back, so that person is not asked again by a rule.
    """

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    UNASSIGNED = "unassigned"
    REMOVED = "removed"
    MERGED = "merged"
    CLOSED = "closed"


class ReviewRequest(Value):
    """One pull request asked of one reviewer, once. A new request is a new row."""

    id: RequestId
    workspace_id: WorkspaceId
    pull_request_id: PullRequestId
    reviewer_id: AccountId
    reviewer_login: str
    requested_by: str | None
    is_again: bool
    round: int
    opened_at: datetime
    closed_at: datetime | None = None
    close_reason: CloseReason | None = None
    snoozed_until: datetime | None = None
    is_snoozed_until_change: bool = False
    is_muted: bool = False


class LatestReview(Value):
    """The newest verdict of one reviewer: comments do not replace an approval or a change request."""

    reviewer_id: AccountId
    reviewer_login: str
    state: ReviewState
    submitted_at: datetime
    may_write: bool = True
