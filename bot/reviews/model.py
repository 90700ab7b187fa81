"""Pull requests, and the reviews that people are asked for."""

from datetime import datetime
from enum import StrEnum

from bot.github.model import Account, PullRequestState, ReviewDecision, ReviewState
from bot.model import AccountId, PullRequestId, RepositoryId, RequestId, Value, WorkspaceId


class PullRequest(Value):
    """A pull request as the newest fact left it, at `updated_at`.

    `same_second_facts` are tokens for what the facts of that second said: see rules.py. `round` counts from 1
    and goes up with each reopening.
    """

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

    UNASSIGNED: GitHub no longer lists the reviewer, and no fact says that a human took the request back.
    REMOVED: a human took the request back, so no rule asks that reviewer again.
    """

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    UNASSIGNED = "unassigned"
    REMOVED = "removed"
    MERGED = "merged"
    CLOSED = "closed"


class ReviewRequest(Value):
    """One reviewer asked to review one pull request, once. If they are asked again, that is another one.

    `is_again`: the reviewer was asked before in the same round of the pull request.
    """

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
    """The newest review of one reviewer."""

    reviewer_id: AccountId
    reviewer_login: str
    state: ReviewState
    submitted_at: datetime
    may_write: bool = True
