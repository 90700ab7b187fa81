"""The sandbox's GitHub: what people do on it, and the webhooks that follow.

It behaves like the real one where that hurts: one event for each reviewer, whole-second timestamps, a request
that vanishes with the review and without an event, authors who cannot be asked, inline replies that arrive as
reviews.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bot.sandbox.github.model import Document, File, Installation, Pull, Repo, Review, User
from bot.sandbox.github.shapes import Shapes
from bot.sandbox.keeping import keep
from bot.sandbox.webhooks import Webhooks

Verdict = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]


class Refused(Exception):
    """GitHub says no (422). Its text is what it says."""


class GitHubWorld:
    """People act by their logins, on pull requests named by repository and number.

    `file` keeps the document; without one it is gone with the process.
    """

    def __init__(
        self,
        document: Document,
        webhooks: Webhooks,
        now: Callable[[], datetime],
        *,
        api: str,
        web: str,
        file: Path | None = None,
    ) -> None:
        self.document = document
        self.webhooks = webhooks
        self.shapes = Shapes(document, api, web)
        self._now = now
        self._file = file

    # --- finding -------------------------------------------------------------------------------------------

    @property
    def users(self) -> dict[str, User]:
        """Everybody by login, the App's bot user included."""
        everybody = [*self.document.users, self.bot]
        return {user.login: user for user in everybody}

    @property
    def bot(self) -> User:
        return User(id=self.document.app.id + 1, login=f"{self.document.app_slug}[bot]", type="Bot")

    def find_repo(self, full_name: str) -> Repo | None:
        repos = self.document.repositories
        return next((repo for repo in repos if repo.full_name.lower() == full_name.lower()), None)

    def find_pull(self, full_name: str, number: int) -> Pull | None:
        repo = self.find_repo(full_name)
        pulls = self.document.pulls
        return next((p for p in pulls if repo and p.repository_id == repo.id and p.number == number), None)

    def load_pull(self, full_name: str, number: int) -> Pull:
        """Raises LookupError."""
        if (pull := self.find_pull(full_name, number)) is None:
            raise LookupError(f"{full_name}#{number}")
        return pull

    def repo_of(self, pull: Pull) -> Repo:
        return next(repo for repo in self.document.repositories if repo.id == pull.repository_id)

    def installation_of(self, repo: Repo) -> Installation | None:
        return next((i for i in self.document.installations if repo.id in i.repository_ids), None)

    # --- what authors do -----------------------------------------------------------------------------------

    def open_pull_request(
        self,
        repository: str,
        author: str,
        title: str,
        files: Sequence[str | File],
        *,
        draft: bool = False,
        labels: Sequence[str] = (),
        body: str = "",
    ) -> Pull:
        """A new pull request. Files may be given by path alone."""
        repo = self.find_repo(repository)
        if repo is None or author not in self.users:
            raise LookupError(f"{repository} or {author}")
        now = self._second()
        pull = Pull(
            id=self._next_id(),
            repository_id=repo.id,
            number=1 + sum(pull.repository_id == repo.id for pull in self.document.pulls),
            title=title,
            body=body,
            author=author,
            draft=draft,
            files=[_file(file) for file in files],
            head_sha=self._sha(),
            labels=list(labels),
            created_at=now,
            updated_at=now,
        )
        self.document.pulls.append(pull)
        self._tell(pull, "opened", author)
        return pull

    def push(self, pull: Pull, files: Sequence[str | File] = ()) -> None:
        """New commits, which may touch more files."""
        before, pull.head_sha = pull.head_sha, self._sha()
        pull.files += [_file(file) for file in files]
        self._touch(pull)
        self._tell(pull, "synchronize", pull.author, before=before, after=pull.head_sha)

    def edit_title(self, pull: Pull, title: str) -> None:
        before, pull.title = pull.title, title
        self._touch(pull)
        self._tell(pull, "edited", pull.author, changes={"title": {"from": before}})

    def convert_to_draft(self, pull: Pull) -> None:
        pull.draft = True
        self._touch(pull)
        self._tell(pull, "converted_to_draft", pull.author)

    def ready_for_review(self, pull: Pull) -> None:
        pull.draft = False
        self._touch(pull)
        self._tell(pull, "ready_for_review", pull.author)

    def label(self, pull: Pull, name: str) -> None:
        pull.labels.append(name)
        self._touch(pull)
        self._tell(pull, "labeled", pull.author, label=self.shapes.label(self.repo_of(pull), name))

    def unlabel(self, pull: Pull, name: str) -> None:
        pull.labels.remove(name)
        self._touch(pull)
        self._tell(pull, "unlabeled", pull.author, label=self.shapes.label(self.repo_of(pull), name))

    def merge(self, pull: Pull, by: str | None = None) -> None:
        self._touch(pull)
        pull.state, pull.merged_at, pull.closed_at = "closed", pull.updated_at, pull.updated_at
        self._tell(pull, "closed", by or pull.author)

    def close(self, pull: Pull, by: str | None = None) -> None:
        self._touch(pull)
        pull.state, pull.closed_at = "closed", pull.updated_at
        self._tell(pull, "closed", by or pull.author)

    def reopen(self, pull: Pull) -> None:
        pull.state, pull.closed_at = "open", None
        self._touch(pull)
        self._tell(pull, "reopened", pull.author)

    # --- asking and reviewing ------------------------------------------------------------------------------

    def request_review(
        self, pull: Pull, reviewers: Iterable[str], by: str, teams: Iterable[str] = ()
    ) -> None:
        """Asks people and teams: all or, if one cannot be asked, nobody. One event each. Raises Refused."""
        wanted, slugs = list(reviewers), list(teams)
        if pull.author in wanted:
            raise Refused("Review cannot be requested from pull request author.")
        if not {*wanted} <= {user.login for user in self.document.users}:
            raise Refused(
                "Reviews may only be requested from collaborators. One or more of the users or teams you"
                " specified is not a collaborator of the repository."
            )
        new = [login for login in wanted if login not in pull.requested]
        new_teams = [slug for slug in slugs if slug not in pull.requested_teams]
        pull.requested += new
        pull.requested_teams += new_teams
        self._touch(pull)
        for login in new:
            self._tell_request(pull, "review_requested", by, self.shapes.user(self.users[login]))
        for slug in new_teams:
            self._tell_request(pull, "review_requested", by, team=self.shapes.team(slug))

    def remove_request(
        self, pull: Pull, reviewers: Iterable[str], by: str, teams: Iterable[str] = ()
    ) -> None:
        """Takes requests back; whoever was not asked is passed over."""
        gone = [login for login in reviewers if login in pull.requested]
        gone_teams = [slug for slug in teams if slug in pull.requested_teams]
        pull.requested = [login for login in pull.requested if login not in gone]
        pull.requested_teams = [slug for slug in pull.requested_teams if slug not in gone_teams]
        self._touch(pull)
        for login in gone:
            self._tell_request(pull, "review_request_removed", by, self.shapes.user(self.users[login]))
        for slug in gone_teams:
            self._tell_request(pull, "review_request_removed", by, team=self.shapes.team(slug))

    def review(self, pull: Pull, reviewer: str, state: Verdict, body: str = "") -> Review:
        """A submitted review. The request goes with it, and no event says so."""
        pull.requested = [login for login in pull.requested if login != reviewer]
        return self._submit(pull, reviewer, state, body)

    def inline_reply(self, pull: Pull, reviewer: str, body: str = "") -> Review:
        """A reply in a thread: GitHub makes a review of it, but the request stays."""
        return self._submit(pull, reviewer, "COMMENTED", body)

    def dismiss_review(self, pull: Pull, review: Review, by: str) -> None:
        review.state = "DISMISSED"
        self._touch(pull)
        self._tell_review(pull, review, "dismissed", by)

    def _submit(self, pull: Pull, reviewer: str, state: Verdict, body: str) -> Review:
        if reviewer == pull.author and state != "COMMENTED":
            raise Refused("Can not approve your own pull request")
        self._touch(pull)
        review = Review(
            id=self._next_id(), login=reviewer, state=state, body=body, submitted_at=pull.updated_at
        )
        pull.reviews.append(review)
        self._tell_review(pull, review, "submitted", reviewer)
        return review

    # --- installing ----------------------------------------------------------------------------------------

    def install(self, repositories: Sequence[str], permissions: dict[str, str] | None = None) -> Installation:
        repos = [repo for name in repositories if (repo := self.find_repo(name)) is not None]
        installation = Installation(
            id=self._next_id(),
            repository_ids=[repo.id for repo in repos],
            permissions=permissions or {"metadata": "read", "pull_requests": "write", "members": "read"},
        )
        self.document.installations.append(installation)
        self._tell_installation(installation, "created", repos)
        return installation

    def uninstall(self, installation: Installation) -> None:
        self.document.installations.remove(installation)
        self._tell_installation(installation, "deleted", [])

    def suspend(self, installation: Installation) -> None:
        installation.suspended_at = self._second()
        self._tell_installation(installation, "suspend", [])

    def unsuspend(self, installation: Installation) -> None:
        installation.suspended_at = None
        self._tell_installation(installation, "unsuspend", [])

    def change_repositories(
        self, installation: Installation, added: Sequence[str] = (), removed: Sequence[str] = ()
    ) -> None:
        """Gives repositories to an installation, or takes them from it."""
        groups = (("added", added), ("removed", removed))
        for action, names in groups:
            repos = [repo for name in names if (repo := self.find_repo(name)) is not None]
            if not repos:
                continue
            ids = {repo.id for repo in repos}
            kept = [number for number in installation.repository_ids if number not in ids]
            installation.repository_ids = [*kept, *ids] if action == "added" else kept
            self._tell_repositories(installation, action, [self.shapes.small_repository(r) for r in repos])

    # --- telling -------------------------------------------------------------------------------------------

    def _tell(self, pull: Pull, action: str, sender: str, **more: Any) -> None:
        repo = self.repo_of(pull)
        self._emit(
            "pull_request",
            repo,
            {
                "action": action,
                "number": pull.number,
                "pull_request": self.shapes.pull(pull, self.users, repo),
                **more,
            },
            sender,
        )

    def _tell_request(self, pull: Pull, action: str, sender: str, user: Any = None, team: Any = None) -> None:
        named = {"requested_team": team} if team else {"requested_reviewer": user}
        self._tell(pull, action, sender, organization=self.shapes.organization(), **named)

    def _tell_review(self, pull: Pull, review: Review, action: str, sender: str) -> None:
        repo = self.repo_of(pull)
        shown = self.shapes.review(review, pull, self.users, repo)
        self._emit(
            "pull_request_review",
            repo,
            {
                "action": action,
                "review": shown | {"state": review.state.lower()},
                "pull_request": self.shapes.listed_pull(pull, self.users, repo),
            },
            sender,
        )

    def _emit(self, event: str, repo: Repo, payload: dict[str, Any], sender: str) -> None:
        self.keep()
        installation = self.installation_of(repo)
        if installation is None or installation.suspended_at is not None:
            return
        self.webhooks.emit(
            event,
            payload
            | {
                "repository": self.shapes.repository(repo),
                "installation": {"id": installation.id, "node_id": f"I_{installation.id}"},
                "sender": self.shapes.user(self.users[sender]),
            },
        )

    def _tell_installation(self, installation: Installation, action: str, repos: Iterable[Repo]) -> None:
        self.keep()
        self.webhooks.emit(
            "installation",
            {
                "action": action,
                "installation": self.shapes.installation(installation),
                "repositories": [self.shapes.small_repository(repo) for repo in repos],
                "sender": self.shapes.user(self.document.users[0]),
            },
        )

    def _tell_repositories(self, installation: Installation, action: str, repos: list[Any]) -> None:
        self.keep()
        shown = self.shapes.installation(installation)
        self.webhooks.emit(
            "installation_repositories",
            {
                "action": action,
                "installation": {k: v for k, v in shown.items() if not k.startswith("suspended")},
                "repository_selection": "selected",
                "repositories_added": repos if action == "added" else [],
                "repositories_removed": repos if action == "removed" else [],
                "sender": self.shapes.user(self.document.users[0]),
            },
        )

    def keep(self) -> None:
        """Writes the document down."""
        if self._file is not None:
            keep(self._file, self.document)

    def _touch(self, pull: Pull) -> None:
        pull.updated_at = self._second()

    def _second(self) -> datetime:
        return self._now().replace(microsecond=0)

    def _next_id(self) -> int:
        self.document.last_id += 1
        return self.document.last_id

    def _sha(self) -> str:
        return f"{self._next_id():040x}"


def _file(file: str | File) -> File:
    return file if isinstance(file, File) else File(path=file, additions=12, deletions=3)
