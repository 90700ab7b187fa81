"""From a webhook's raw bytes to a typed fact: an allow-list, so that nothing else is ever kept."""

from datetime import datetime
from typing import Annotated

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.github import model
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId

_PULL_REQUEST_ACTIONS = frozenset(model.PullRequestAction)
_INSTALLATION_ACTIONS = frozenset(model.InstallationAction)
_REVIEW_ACTIONS = frozenset({"submitted", "dismissed"})
_REPOSITORY_ACTIONS = frozenset(model.RepositoryAction)
_REPOSITORIES_ACTIONS = frozenset({"added", "removed"})


class MalformedPayload(Exception):
    """An event that we handle, in a shape that we do not understand. Its text names fields, never values."""


def parse_event(event: str, body: bytes) -> model.Fact | None:
    """The fact that a delivery tells, or None for an event or action that we do not follow.

    `event` is the X-GitHub-Event header and `body` the raw JSON. Raises MalformedPayload.
    Shapes: https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    try:
        return _parse(event, body)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in e["loc"]) or "body" for e in error.errors()})
        raise MalformedPayload(f"{event}: {', '.join(fields[:8])}") from None


def parse_account(answer: object) -> model.Account:
    """A user or bot as GitHub's API shows it."""
    return _Account.model_validate(answer).account()


def parse_pull_request(answer: object) -> model.PullRequestSnapshot:
    """A pull request as GitHub's API shows it, which names its repository."""
    found = _PullRequestAnswer.model_validate(answer)
    return found.snapshot(found.repository.repository())


def parse_repository(answer: object) -> model.Repository:
    """A repository as GitHub's API shows it. Raises pydantic's ValidationError."""
    return _Repository.model_validate(answer).repository()


def parse_review(answer: object) -> model.Review:
    """A submitted review as GitHub's API shows it: its states are in capitals there."""
    return _Review.model_validate(answer).review()


def _parse(event: str, body: bytes) -> model.Fact | None:
    if event == "ping":
        return model.Ping()
    action = _Action.model_validate_json(body).action
    if event == "pull_request" and action in _PULL_REQUEST_ACTIONS:
        return _PullRequestEvent.model_validate_json(body).fact()
    if event == "pull_request_review" and action in _REVIEW_ACTIONS:
        return _ReviewEvent.model_validate_json(body).fact()
    if event == "installation" and action in _INSTALLATION_ACTIONS:
        return _InstallationEvent.model_validate_json(body).fact()
    if event == "installation_repositories" and action in _REPOSITORIES_ACTIONS:
        return _RepositoriesEvent.model_validate_json(body).fact()
    if event == "repository" and action in _REPOSITORY_ACTIONS:
        return _RepositoryEvent.model_validate_json(body).fact()
    return None


class _Wire(BaseModel):
    # GitHub adds fields at will: what is not on our list is dropped here and never seen again.
    model_config = ConfigDict(extra="ignore")


class _Action(_Wire):
    action: str = ""


class _Account(_Wire):
    id: AccountId
    login: str
    type: str = "User"

    def account(self) -> model.Account:
        return model.Account(id=self.id, login=self.login, is_bot=self.type == "Bot")


# The account of a deleted user comes as null; GitHub shows such authors as this one.
_GHOST = _Account(id=AccountId(10137), login="ghost")


class _Team(_Wire):
    id: int
    slug: str

    def team(self) -> model.Team:
        return model.Team(id=self.id, slug=self.slug)


class _Repository(_Wire):
    id: RepositoryId
    full_name: str

    def repository(self) -> model.Repository:
        return model.Repository(id=self.id, full_name=self.full_name)


class _Label(_Wire):
    name: str


class _PullRequest(_Wire):
    id: PullRequestId
    number: int
    title: str
    html_url: str
    user: _Account | None
    state: str
    merged_at: datetime | None
    draft: bool = False
    head_sha: str = Field(validation_alias=AliasPath("head", "sha"))
    labels: list[_Label] = []
    # Someone who left the organisation is still listed, as null.
    requested_reviewers: list[_Account | None] = []
    requested_teams: list[_Team] = []
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    created_at: datetime
    updated_at: datetime

    def snapshot(self, repository: model.Repository) -> model.PullRequestSnapshot:
        state = model.PullRequestState.MERGED if self.merged_at else model.PullRequestState(self.state)
        return model.PullRequestSnapshot(
            id=self.id,
            repository=repository,
            number=self.number,
            title=self.title,
            url=self.html_url,
            author=(self.user or _GHOST).account(),
            state=state,
            is_draft=self.draft,
            head_sha=self.head_sha,
            labels=tuple(label.name for label in self.labels),
            requested=tuple(account.account() for account in self.requested_reviewers if account),
            requested_teams=tuple(team.team() for team in self.requested_teams),
            additions=self.additions,
            deletions=self.deletions,
            changed_files=self.changed_files,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


class _PullRequestAnswer(_PullRequest):
    repository: _Repository = Field(validation_alias=AliasPath("base", "repo"))


class _PullRequestEvent(_Wire):
    action: model.PullRequestAction
    installation_id: InstallationId = Field(validation_alias=AliasPath("installation", "id"))
    sender: _Account
    repository: _Repository
    pull_request: _PullRequest
    requested_reviewer: _Account | None = None
    requested_team: _Team | None = None
    label: _Label | None = None

    def fact(self) -> model.PullRequestFact:
        return model.PullRequestFact(
            action=self.action,
            installation_id=self.installation_id,
            sender=self.sender.account(),
            pull_request=self.pull_request.snapshot(self.repository.repository()),
            reviewer=self.requested_reviewer.account() if self.requested_reviewer else None,
            team=self.requested_team.team() if self.requested_team else None,
            label=self.label.name if self.label else None,
        )


class _Review(_Wire):
    id: int
    user: _Account | None
    state: Annotated[model.ReviewState, BeforeValidator(lambda state: str(state).lower())]
    submitted_at: datetime

    def review(self) -> model.Review:
        return model.Review(
            id=self.id,
            author=(self.user or _GHOST).account(),
            state=self.state,
            submitted_at=self.submitted_at,
        )


class _ReviewEvent(_Wire):
    action: str
    installation_id: InstallationId = Field(validation_alias=AliasPath("installation", "id"))
    sender: _Account
    repository: _Repository
    pull_request: _PullRequest
    review: _Review

    def fact(self) -> model.ReviewFact:
        return model.ReviewFact(
            action="dismissed" if self.action == "dismissed" else "submitted",
            installation_id=self.installation_id,
            sender=self.sender.account(),
            pull_request=self.pull_request.snapshot(self.repository.repository()),
            review=self.review.review(),
        )


class _Installation(_Wire):
    id: InstallationId
    account: _Account
    permissions: dict[str, str] = {}


class _InstallationEvent(_Wire):
    action: model.InstallationAction
    installation: _Installation
    sender: _Account
    repositories: list[_Repository] = []

    def fact(self) -> model.InstallationFact:
        return model.InstallationFact(
            action=self.action,
            installation_id=self.installation.id,
            account=self.installation.account.account(),
            permissions=self.installation.permissions,
            sender=self.sender.account(),
            repositories=tuple(repository.repository() for repository in self.repositories),
        )


class _RepositoriesEvent(_Wire):
    installation: _Installation
    repositories_added: list[_Repository] = []
    repositories_removed: list[_Repository] = []

    def fact(self) -> model.RepositoriesFact:
        return model.RepositoriesFact(
            installation_id=self.installation.id,
            account=self.installation.account.account(),
            added=tuple(repository.repository() for repository in self.repositories_added),
            removed=tuple(repository.repository() for repository in self.repositories_removed),
        )


class _RepositoryEvent(_Wire):
    action: model.RepositoryAction
    installation_id: InstallationId = Field(validation_alias=AliasPath("installation", "id"))
    repository: _Repository

    def fact(self) -> model.RepositoryFact:
        return model.RepositoryFact(
            action=self.action,
            installation_id=self.installation_id,
            repository=self.repository.repository(),
        )
