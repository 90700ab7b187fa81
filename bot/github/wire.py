"""The shapes in which GitHub sends events and answers, with the fields that Ripe keeps and no others.

Required is only what every decision needs; the rest may be missing, null or odd. See bot/github/tolerance.py.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from bot.github import model
from bot.github.tolerance import (
    FitsBigint,
    FullName,
    IfReadable,
    IfReadableItem,
    Instant,
    MaybeList,
    Name,
    Number,
    Size,
    Texts,
    Title,
    WebAddress,
    count_odd,
)
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId

T = TypeVar("T")

_WITHOUT_WRITE = frozenset({"CONTRIBUTOR", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN", "NONE"})
"""https://docs.github.com/en/graphql/reference/enums#commentauthorassociation"""


def is_bot(kind: str | None, login: str) -> bool:
    """Whether an account with this `type` and login is a bot."""
    return kind == "Bot" or login.endswith("[bot]")


def may_write(association: str | None) -> bool:
    """Whether a reviewer may write to the repository. A new or missing association counts."""
    return association not in _WITHOUT_WRITE


class Wire(BaseModel):
    # GitHub adds fields at will. A field that is not listed here is dropped and never seen again.
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Action(Wire):
    action: str


class Account(Wire):
    id: Annotated[AccountId, FitsBigint]
    login: Name
    type: Annotated[str | None, IfReadable] = None

    @model_validator(mode="before")
    @classmethod
    def _use_slug(cls, account: Any) -> Any:
        """An enterprise has a slug and no login."""
        if isinstance(account, dict) and account.get("login") is None and "slug" in account:
            return account | {"login": account["slug"]}
        return account

    def account(self) -> model.Account:
        return model.Account(id=self.id, login=self.login, is_bot=is_bot(self.type, self.login))


class Team(Wire):
    id: Annotated[Annotated[int, FitsBigint] | None, IfReadable] = None
    slug: Name

    def team(self) -> model.Team:
        return model.Team(id=self.id or 0, slug=self.slug)


class Repository(Wire):
    id: Annotated[RepositoryId, FitsBigint]
    full_name: FullName

    def repository(self) -> model.Repository:
        return model.Repository(id=self.id, full_name=self.full_name)


class OwnedRepository(Repository):
    """As in events about it. Lists of repositories name no owner."""

    owner: Annotated[Account | None, IfReadable] = None

    def owner_account(self) -> model.Account | None:
        return self.owner.account() if self.owner else None


class Label(Wire):
    name: Name


MaybeAccount = Annotated[Account | None, IfReadable]
Accounts = Annotated[list[Annotated[Account | None, IfReadableItem]], MaybeList]
Teams = Annotated[list[Annotated[Team | None, IfReadableItem]], MaybeList]
Labels = Annotated[list[Annotated[Label | None, IfReadableItem]], MaybeList]
Repositories = Annotated[list[Annotated[Repository | None, IfReadableItem]], MaybeList]


def readable(items: Iterable[T | None]) -> list[T]:
    """Without those that could not be read."""
    return [item for item in items if item is not None]


class PullRequest(Wire):
    id: Annotated[PullRequestId, FitsBigint]
    number: Number
    title: Title = None
    html_url: WebAddress = None
    user: MaybeAccount = None
    state: str
    # Only whether it is null matters, so its value need not be a date.
    merged_at: Any = None
    closed_at: Instant = None
    draft: Annotated[bool | None, IfReadable] = None
    head_sha: Annotated[Name | None, IfReadable] = Field(None, validation_alias=AliasPath("head", "sha"))
    labels: Labels = []
    # Somebody who left the organization is still listed, as null.
    requested_reviewers: Accounts = []
    # How many reviewers are listed, readable or not; None if there is no list.
    listed: int | None = None
    requested_teams: Teams = []
    additions: Size = None
    deletions: Size = None
    changed_files: Size = None
    created_at: Instant = None
    updated_at: Instant = None

    @model_validator(mode="before")
    @classmethod
    def _count_listed(cls, pull_request: Any) -> Any:
        if not isinstance(pull_request, dict):
            return pull_request
        listed = pull_request.get("requested_reviewers")
        count = sum(item is not None for item in listed) if isinstance(listed, list) else None
        return pull_request | {"listed": count}

    def snapshot(self, repository: model.Repository) -> model.PullRequestSnapshot:
        requested = readable(self.requested_reviewers)
        last_known = self.updated_at or self.closed_at or self.created_at or model.UNDATED
        return model.PullRequestSnapshot(
            id=self.id,
            repository=repository,
            number=self.number,
            title="(no title)" if self.title is None else self.title,
            url=self.html_url or f"https://github.com/{repository.full_name}/pull/{self.number}",
            author=self.user.account() if self.user else model.GHOST,
            state=self._state(),
            is_draft=bool(self.draft),
            head_sha=self.head_sha or "",
            labels=tuple(label.name for label in readable(self.labels)),
            requested=tuple(account.account() for account in requested),
            requested_teams=tuple(team.team() for team in readable(self.requested_teams)),
            additions=self.additions,
            deletions=self.deletions,
            changed_files=self.changed_files,
            created_at=self.created_at or last_known,
            updated_at=last_known,
            is_partial=(
                self.updated_at is None or self.listed != len(requested) or not self._has_known_state()
            ),
        )

    def _has_known_state(self) -> bool:
        return self.state.lower() in ("open", "closed")

    def _state(self) -> model.PullRequestState:
        if self.merged_at:
            return model.PullRequestState.MERGED
        is_closed = self.state.lower() == "closed" or (not self._has_known_state() and self.closed_at)
        return model.PullRequestState.CLOSED if is_closed else model.PullRequestState.OPEN


class Attempt(Wire):
    id: Annotated[int, FitsBigint]
    guid: Name
    delivered_at: Instant = None
    status: Annotated[str | None, IfReadable] = None
    status_code: Size = None
    redelivery: Annotated[bool | None, IfReadable] = None
    installation_id: Annotated[Annotated[InstallationId, FitsBigint] | None, IfReadable] = None

    def attempt(self) -> model.DeliveryAttempt:
        return model.DeliveryAttempt(
            id=self.id,
            guid=self.guid,
            delivered_at=self.delivered_at or model.UNDATED,
            status_code=self.status_code or 0,
            has_ended=self.status != "pending",
            is_redelivery=bool(self.redelivery),
            installation_id=self.installation_id,
        )


class PullRequestAnswer(PullRequest):
    repository: Repository = Field(validation_alias=AliasPath("base", "repo"))


class PullRequestEvent(Wire):
    action: model.PullRequestAction
    installation_id: Annotated[InstallationId, FitsBigint] = Field(
        validation_alias=AliasPath("installation", "id")
    )
    sender: MaybeAccount = None
    repository: OwnedRepository
    pull_request: PullRequest
    requested_reviewer: MaybeAccount = None
    requested_team: Annotated[Team | None, IfReadable] = None
    label: Annotated[Label | None, IfReadable] = None

    def fact(self) -> model.PullRequestFact:
        return model.PullRequestFact(
            action=self.action,
            installation_id=self.installation_id,
            sender=self.sender.account() if self.sender else None,
            pull_request=self.pull_request.snapshot(self.repository.repository()),
            reviewer=self.requested_reviewer.account() if self.requested_reviewer else None,
            team=self.requested_team.team() if self.requested_team else None,
            label=self.label.name if self.label else None,
            owner=self.repository.owner_account(),
        )


def _review_state(value: object, info: ValidationInfo) -> model.ReviewState:
    """A state that Ripe does not know counts as a comment, which neither approves nor asks for changes."""
    try:
        return model.ReviewState(str(value).lower())
    except ValueError:
        count_odd(info)
        return model.ReviewState.COMMENTED


class Review(Wire):
    id: Annotated[int, FitsBigint]
    user: MaybeAccount = None
    state: Annotated[model.ReviewState, BeforeValidator(_review_state), Field(validate_default=True)] = (
        model.ReviewState.COMMENTED
    )
    submitted_at: Instant = None
    author_association: Annotated[str | None, IfReadable] = None

    def review(self, otherwise_at: datetime = model.UNDATED) -> model.Review:
        """As of `otherwise_at` if GitHub gives no date."""
        return model.Review(
            id=self.id,
            author=self.user.account() if self.user else model.GHOST,
            state=self.state,
            submitted_at=self.submitted_at or otherwise_at,
            may_write=self.user is not None and may_write(self.author_association),
        )


class ReviewEvent(Wire):
    action: str
    installation_id: Annotated[InstallationId, FitsBigint] = Field(
        validation_alias=AliasPath("installation", "id")
    )
    sender: MaybeAccount = None
    repository: OwnedRepository
    pull_request: PullRequest
    review: Review

    def fact(self) -> model.ReviewFact:
        pull_request = self.pull_request.snapshot(self.repository.repository())
        return model.ReviewFact(
            action="dismissed" if self.action == "dismissed" else "submitted",
            installation_id=self.installation_id,
            sender=self.sender.account() if self.sender else None,
            pull_request=pull_request,
            review=self.review.review(pull_request.updated_at),
            owner=self.repository.owner_account(),
        )


class Installation(Wire):
    id: Annotated[InstallationId, FitsBigint]
    account: MaybeAccount = None
    permissions: Texts = {}

    def owner(self) -> model.Account | None:
        return self.account.account() if self.account else None


class InstallationEvent(Wire):
    action: model.InstallationAction
    installation: Installation
    sender: MaybeAccount = None
    repositories: Repositories = []

    def fact(self) -> model.InstallationFact:
        return model.InstallationFact(
            action=self.action,
            installation_id=self.installation.id,
            account=self.installation.owner(),
            permissions=self.installation.permissions,
            sender=self.sender.account() if self.sender else None,
            repositories=tuple(repository.repository() for repository in readable(self.repositories)),
        )


class RepositoriesEvent(Wire):
    installation: Installation
    repositories_added: Repositories = []
    repositories_removed: Repositories = []

    def fact(self) -> model.RepositoriesFact:
        return model.RepositoriesFact(
            installation_id=self.installation.id,
            account=self.installation.owner(),
            added=tuple(repository.repository() for repository in readable(self.repositories_added)),
            removed=tuple(repository.repository() for repository in readable(self.repositories_removed)),
        )


class RepositoryEvent(Wire):
    action: model.RepositoryAction
    installation_id: Annotated[InstallationId, FitsBigint] = Field(
        validation_alias=AliasPath("installation", "id")
    )
    repository: OwnedRepository

    def fact(self) -> model.RepositoryFact:
        return model.RepositoryFact(
            action=self.action,
            installation_id=self.installation_id,
            repository=self.repository.repository(),
            owner=self.repository.owner_account(),
        )
