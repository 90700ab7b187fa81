"""The data of the sandbox's GitHub: one document, which is saved in one file."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class User(BaseModel):
    id: int
    login: str
    type: Literal["User", "Bot", "Organization"] = "User"
    email: str | None = None
    """As the person's profile shows it."""


class Team(BaseModel):
    id: int
    slug: str
    members: list[str] = []


class Repo(BaseModel):
    id: int
    full_name: str
    archived: bool = False

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.partition("/")[2]


class File(BaseModel):
    path: str
    additions: int = 1
    deletions: int = 0
    patch: str = ""
    status: Literal["added", "modified", "removed", "renamed"] = "modified"


class Review(BaseModel):
    id: int
    login: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    body: str
    submitted_at: datetime


class Pull(BaseModel):
    id: int
    repository_id: int
    number: int
    title: str
    body: str
    author: str
    draft: bool
    files: list[File]
    head_sha: str
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: str | None = None
    labels: list[str] = []
    requested: list[str] = []
    requested_teams: list[str] = []
    reviews: list[Review] = []
    review_decision: Literal["APPROVED", "CHANGES_REQUESTED", "REVIEW_REQUIRED"] | None = None
    """None: no branch protection asks for reviews."""

    def load_review(self, review_id: int) -> Review:
        """Raises LookupError."""
        for review in self.reviews:
            if review.id == review_id:
                return review
        raise LookupError(f"review {review_id}")


class Installation(BaseModel):
    id: int
    repository_ids: list[int]
    permissions: dict[str, str]
    suspended_at: datetime | None = None
    suspended_by: str | None = None
    account: User | None = None
    """The account that installed it; None: the organization."""


class Document(BaseModel):
    """All data. Ids count up and are never used twice."""

    organization: User
    app: User
    app_slug: str = "ripe"
    users: list[User] = []
    teams: list[Team] = []
    repositories: list[Repo] = []
    pulls: list[Pull] = []
    installations: list[Installation] = []
    last_id: int = 1000

    @property
    def owner(self) -> str:
        """The login of the organization's owner."""
        return self.users[0].login

    @property
    def bot(self) -> User:
        """The bot user of the App, which acts for it."""
        return User(id=self.app.id + 1, login=f"{self.app_slug}[bot]", type="Bot")

    @property
    def accounts(self) -> dict[str, User]:
        """Everybody who can act, by login: people and the App's bot user."""
        return {user.login: user for user in [*self.users, self.bot]}

    def repo_of(self, pull: Pull) -> Repo:
        """The repository of a pull request."""
        return next(repo for repo in self.repositories if repo.id == pull.repository_id)

    def installation_of(self, repo: Repo) -> Installation | None:
        """The installation that covers a repository, if there is one."""
        return next((each for each in self.installations if repo.id in each.repository_ids), None)
