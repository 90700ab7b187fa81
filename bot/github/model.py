"""The statements of GitHub, reduced to the fields that Ripe keeps: never bodies, patches or commit texts.

First the things that GitHub has, then the facts in its webhooks, its other answers, and its refusals.
"""

import operator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.model import HIDING, AccountId, InstallationId, PullRequestId, RepositoryId, Value


class Account(Value):
    """A GitHub user or bot."""

    id: AccountId
    login: str
    is_bot: bool = False


# The account of a deleted user comes as null; GitHub shows such authors as this one.
GHOST = Account(id=AccountId(10137), login="ghost")


class Team(Value):
    """A GitHub team that was asked for a review."""

    id: int
    slug: str


class Repository(Value):
    """A repository. `full_name` ("acme/api") is a label that may change and be reused."""

    id: RepositoryId
    full_name: str


UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for a date that GitHub's payload does not give. All that it gives are later."""


class PullRequestState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class PullRequestSnapshot(Value):
    """A pull request as it was at `updated_at`. Those are whole seconds, so two snapshots may share one.

    Sizes are None if GitHub leaves them out, as in review payloads and lists. A partial snapshot lacks its
    date, its state or some of those who are asked; `updated_at` is then the latest date that it gives.
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
    # Left out where it says nothing, so that the release before can read what this one stores.
    is_partial: bool = Field(default=False, exclude_if=operator.not_)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Everybody whom it names."""
        return self.author, *self.requested


class ReviewState(StrEnum):
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"


class Review(Value):
    """One submitted review. GitHub counts it as a verdict only if its author may write to the repository."""

    id: int
    author: Account
    state: ReviewState
    submitted_at: datetime
    may_write: bool = Field(default=True, exclude_if=operator.truth)


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

    `sender` is who did it, if GitHub says so. `owner` is not stored: see owner_of.
    `reviewer` or `team` is set when a request was made or removed, `label` when a label came or went.
    """

    kind: Literal["pull_request"] = "pull_request"
    action: PullRequestAction
    installation_id: InstallationId
    sender: Account | None
    pull_request: PullRequestSnapshot
    reviewer: Account | None = None
    team: Team | None = None
    label: str | None = None
    owner: Account | None = Field(default=None, exclude=True)


class ReviewFact(Value):
    """A review was submitted, or an earlier one was dismissed."""

    kind: Literal["review"] = "review"
    action: Literal["submitted", "dismissed"]
    installation_id: InstallationId
    sender: Account | None
    pull_request: PullRequestSnapshot
    review: Review
    owner: Account | None = Field(default=None, exclude=True)


class InstallationAction(StrEnum):
    CREATED = "created"
    DELETED = "deleted"
    SUSPEND = "suspend"
    UNSUSPEND = "unsuspend"
    NEW_PERMISSIONS_ACCEPTED = "new_permissions_accepted"


class InstallationFact(Value):
    """The App was installed on an account or removed from it, or its permissions or suspension changed.

    `account` is None if GitHub's payload does not name it readably. `sender` is who did it. It is None in
    facts of polling, and in those stored by older releases.
    """

    kind: Literal["installation"] = "installation"
    action: InstallationAction
    installation_id: InstallationId
    account: Account | None
    permissions: dict[str, str]
    sender: Account | None = None
    repositories: tuple[Repository, ...] = ()


class RepositoriesFact(Value):
    """Repositories were added to an installation or removed from it."""

    kind: Literal["repositories"] = "repositories"
    installation_id: InstallationId
    account: Account | None
    added: tuple[Repository, ...]
    removed: tuple[Repository, ...]


class RepositoryAction(StrEnum):
    RENAMED = "renamed"
    TRANSFERRED = "transferred"
    DELETED = "deleted"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"


class RepositoryFact(Value):
    """A repository was renamed, given away, deleted, archived or unarchived."""

    kind: Literal["repository"] = "repository"
    action: RepositoryAction
    installation_id: InstallationId
    repository: Repository
    owner: Account | None = Field(default=None, exclude=True)


class Ping(Value):
    """GitHub tested the webhook address."""

    kind: Literal["ping"] = "ping"


Fact = Annotated[
    PullRequestFact | ReviewFact | InstallationFact | RepositoriesFact | RepositoryFact | Ping,
    Field(discriminator="kind"),
]
FACT: TypeAdapter[Fact] = TypeAdapter(Fact, config=HIDING)


def owner_of(fact: Fact) -> Account | None:
    """The account that an event's installation is on, which is the one that owns its repository.

    None if the event does not say it. A stored fact says it only if it is about the installation itself.
    """
    match fact:
        case InstallationFact() | RepositoriesFact():
            return fact.account
        case PullRequestFact() | ReviewFact() | RepositoryFact():
            return fact.owner
        case Ping():
            return None


class RepositoryPage(Value):
    """One page of the repositories that an installation sees.

    `unreadable` and `archived` count those left out. `total` counts those of all pages, if GitHub says so.
    """

    repositories: tuple[Repository, ...]
    is_last: bool
    unreadable: int = 0
    archived: int = 0
    total: int | None = None


class PullRequestPage(Value):
    """One page of a list of pull requests, without those that cannot be read."""

    pull_requests: tuple[PullRequestSnapshot, ...]
    is_last: bool


class DeliveryAttempt(Value):
    """One of GitHub's attempts to deliver a webhook. Attempts at the same event share its GUID.

    `status_code` is 0 if nothing has answered, or not yet: `has_ended` tells these apart.
    """

    id: int
    guid: str
    delivered_at: datetime
    status_code: int = 0
    has_ended: bool = True
    is_redelivery: bool = False
    installation_id: InstallationId | None = None

    @property
    def has_arrived(self) -> bool:
        """Whether the receiver answered that it took the event."""
        return 200 <= self.status_code < 300


class DeliveryPage(Value):
    """One page of the App's attempts, the newest first. `next_cursor` is None on the last page."""

    attempts: tuple[DeliveryAttempt, ...]
    next_cursor: str | None


class ReviewDecision(StrEnum):
    """GitHub's own verdict, if branch protection demands reviews."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    REVIEW_REQUIRED = "REVIEW_REQUIRED"


PATHS_PER_CALL = 100
"""How many changed paths GitHub names in one answer."""


class GitHubError(Exception):
    """GitHub refused, or sent something unusable. A rate limit or an outage is no error: see waiting.py."""


class RefusedError(GitHubError):
    """GitHub refuses a call for good. The text is its reason."""


class NotFoundError(RefusedError):
    """GitHub does not know it, hides it from this installation, or shows it in no form that can be read."""


class AccessLostError(RefusedError):
    """The installation may not ask this: uninstalled, suspended, or the permission was never granted."""


class PathsRefusedError(RefusedError):
    """The installation may not read changed paths. The text is GitHub's reason."""


class ReviewersRefusedError(GitHubError):
    """GitHub refused a review request (422). The text is GitHub's reason."""
