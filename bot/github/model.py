"""What GitHub tells us, reduced to the fields we keep. Never bodies, patches or commit texts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId, Value


class Account(Value):
    """A GitHub user or bot."""

    id: AccountId
    login: str
    is_bot: bool = False


class Team(Value):
    """A GitHub team that was asked for a review."""

    id: int
    slug: str


class Repository(Value):
    """A repository. `full_name` is a label ("acme/api"): it can be renamed and reused."""

    id: RepositoryId
    full_name: str


class RepositoryPage(Value):
    """One page of what an installation sees. `is_last`: GitHub has no more."""

    repositories: tuple[Repository, ...]
    is_last: bool


class PullRequestState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class PullRequestSnapshot(Value):
    """A pull request as GitHub saw it at `updated_at` (whole seconds: two snapshots can tie).

    The sizes are None where GitHub leaves them out (in review payloads and lists).
    """

    id: PullRequestId
    repository: Repository
    number: int
    title: str
    url: str
    author: Account
    state: PullRequestState
    is_draft: bool
    head_sha: str
    labels: tuple[str, ...]
    requested: tuple[Account, ...]
    requested_teams: tuple[Team, ...]
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    created_at: datetime
    updated_at: datetime


class PullRequestPage(Value):
    """One page of a list. `is_last`: GitHub has no more."""

    pull_requests: tuple[PullRequestSnapshot, ...]
    is_last: bool


class ReviewState(StrEnum):
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"


class Review(Value):
    """One submitted review."""

    id: int
    author: Account
    state: ReviewState
    submitted_at: datetime


class ReviewDecision(StrEnum):
    """GitHub's own verdict, where branch protection asks for reviews."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    REVIEW_REQUIRED = "REVIEW_REQUIRED"


class ChangedPaths(Value):
    """The paths a pull request touches, and GitHub's verdict on its reviews (None: no rule asks for any)."""

    paths: tuple[str, ...]
    review_decision: ReviewDecision | None


class PullRequestAction(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    CLOSED = "closed"
    EDITED = "edited"
    SYNCHRONIZE = "synchronize"
    READY_FOR_REVIEW = "ready_for_review"
    CONVERTED_TO_DRAFT = "converted_to_draft"
    REVIEW_REQUESTED = "review_requested"
    REVIEW_REQUEST_REMOVED = "review_request_removed"
    LABELED = "labeled"
    UNLABELED = "unlabeled"


class PullRequestFact(Value):
    """Something happened to a pull request.

    `reviewer` or `team` is set when a request was made or removed, `label` when one came or went.
    """

    kind: Literal["pull_request"] = "pull_request"
    action: PullRequestAction
    installation_id: InstallationId
    sender: Account
    pull_request: PullRequestSnapshot
    reviewer: Account | None = None
    team: Team | None = None
    label: str | None = None


class ReviewFact(Value):
    """A review was submitted, or an earlier one was dismissed."""

    kind: Literal["review"] = "review"
    action: Literal["submitted", "dismissed"]
    installation_id: InstallationId
    sender: Account
    pull_request: PullRequestSnapshot
    review: Review


class InstallationAction(StrEnum):
    CREATED = "created"
    DELETED = "deleted"
    SUSPEND = "suspend"
    UNSUSPEND = "unsuspend"
    NEW_PERMISSIONS_ACCEPTED = "new_permissions_accepted"


class InstallationFact(Value):
    """The App was installed on, or removed from, an account, or its standing there changed.

    `sender` is who did it; None in facts that were stored before it was kept.
    """

    kind: Literal["installation"] = "installation"
    action: InstallationAction
    installation_id: InstallationId
    account: Account
    permissions: dict[str, str]
    sender: Account | None = None
    repositories: tuple[Repository, ...] = ()


class RepositoriesFact(Value):
    """Repositories were added to, or taken from, an installation."""

    kind: Literal["repositories"] = "repositories"
    installation_id: InstallationId
    account: Account
    added: tuple[Repository, ...]
    removed: tuple[Repository, ...]


class RepositoryAction(StrEnum):
    RENAMED = "renamed"
    TRANSFERRED = "transferred"
    DELETED = "deleted"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"


class RepositoryFact(Value):
    """A repository has another name or owner, or is (not) to be worked on any more."""

    kind: Literal["repository"] = "repository"
    action: RepositoryAction
    installation_id: InstallationId
    repository: Repository


class Ping(Value):
    """GitHub tried the webhook address."""

    kind: Literal["ping"] = "ping"


Fact = Annotated[
    PullRequestFact | ReviewFact | InstallationFact | RepositoriesFact | RepositoryFact | Ping,
    Field(discriminator="kind"),
]
FACT: TypeAdapter[Fact] = TypeAdapter(Fact)


class ReviewersRefused(Exception):
    """GitHub refused a review request (422). Its text is GitHub's reason."""


class PathsRefused(Exception):
    """This installation may not read changed paths. Its text is GitHub's reason."""


class NotFound(Exception):
    """GitHub does not know what was asked for, or hides it from this installation."""


class AccessLost(Exception):
    """This installation may not, or no longer: uninstalled, suspended, or the permission was not granted."""
