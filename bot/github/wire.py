"""The shapes in which GitHub sends events and answers, with the fields that Ripe keeps and no others.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from datetime import datetime
from typing import Annotated

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from bot.github import model
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId


class Wire(BaseModel):
    # GitHub adds fields at will. A field that is not listed here is dropped and never seen again.
    model_config = ConfigDict(extra="ignore")


class Action(Wire):
    action: str = ""


class Account(Wire):
    id: AccountId
    login: str
    type: str = "User"

    def account(self) -> model.Account:
        return model.Account(id=self.id, login=self.login, is_bot=self.type == "Bot")


# The account of a deleted user comes as null; GitHub shows such authors as this one.
GHOST = Account(id=AccountId(10137), login="ghost")


class Team(Wire):
    id: int
    slug: str

    def team(self) -> model.Team:
        return model.Team(id=self.id, slug=self.slug)


class Repository(Wire):
    id: RepositoryId
    full_name: str

    def repository(self) -> model.Repository:
        return model.Repository(id=self.id, full_name=self.full_name)


class Label(Wire):
    name: str


class PullRequest(Wire):
    id: PullRequestId
    number: int
    title: str
    html_url: str
    user: Account | None
    state: str
    merged_at: datetime | None
    draft: bool = False
    head_sha: str = Field(validation_alias=AliasPath("head", "sha"))
    labels: list[Label] = []
    # Somebody who left the organization is still listed, as null.
    requested_reviewers: list[Account | None] = []
    requested_teams: list[Team] = []
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
            author=(self.user or GHOST).account(),
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


class PullRequestAnswer(PullRequest):
    repository: Repository = Field(validation_alias=AliasPath("base", "repo"))


class PullRequestEvent(Wire):
    action: model.PullRequestAction
    installation_id: InstallationId = Field(validation_alias=AliasPath("installation", "id"))
    sender: Account
    repository: Repository
    pull_request: PullRequest
    requested_reviewer: Account | None = None
    requested_team: Team | None = None
    label: Label | None = None

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


class Review(Wire):
    id: int
    user: Account | None
    state: Annotated[model.ReviewState, BeforeValidator(lambda state: str(state).lower())]
    submitted_at: datetime

    def review(self) -> model.Review:
        return model.Review(
            id=self.id,
            author=(self.user or GHOST).account(),
            state=self.state,
            submitted_at=self.submitted_at,
        )


class ReviewEvent(Wire):
    action: str
    installation_id: InstallationId = Field(validation_alias=AliasPath("installation", "id"))
    sender: Account
    repository: Repository
    pull_request: PullRequest
    review: Review

    def fact(self) -> model.ReviewFact:
        return model.ReviewFact(
            action="dismissed" if self.action == "dismissed" else "submitted",
            installation_id=self.installation_id,
            sender=self.sender.account(),
            pull_request=self.pull_request.snapshot(self.repository.repository()),
            review=self.review.review(),
        )


class Installation(Wire):
    id: InstallationId
    account: Account
    permissions: dict[str, str] = {}


class InstallationEvent(Wire):
    action: model.InstallationAction
    installation: Installation
    sender: Account
    repositories: list[Repository] = []

    def fact(self) -> model.InstallationFact:
        return model.InstallationFact(
            action=self.action,
            installation_id=self.installation.id,
            account=self.installation.account.account(),
            permissions=self.installation.permissions,
            sender=self.sender.account(),
            repositories=tuple(repository.repository() for repository in self.repositories),
        )


class RepositoriesEvent(Wire):
    installation: Installation
    repositories_added: list[Repository] = []
    repositories_removed: list[Repository] = []

    def fact(self) -> model.RepositoriesFact:
        return model.RepositoriesFact(
            installation_id=self.installation.id,
            account=self.installation.account.account(),
            added=tuple(repository.repository() for repository in self.repositories_added),
            removed=tuple(repository.repository() for repository in self.repositories_removed),
        )


class RepositoryEvent(Wire):
    action: model.RepositoryAction
    installation_id: InstallationId = Field(validation_alias=AliasPath("installation", "id"))
    repository: Repository

    def fact(self) -> model.RepositoryFact:
        return model.RepositoryFact(
            action=self.action,
            installation_id=self.installation_id,
            repository=self.repository.repository(),
        )
