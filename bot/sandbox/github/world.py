"""The sandbox's GitHub: what people do on it, and the webhooks that follow.

It copies what makes the real one hard to follow: one event for each reviewer, timestamps in whole seconds, a
request that vanishes with the review and without an event, authors who cannot be asked, inline replies that
arrive as reviews. An act that changes nothing sends no webhook.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from bot.sandbox.github.errors import RefusedError
from bot.sandbox.github.hub import Hub
from bot.sandbox.github.model import File, Pull, Review, Team, User

Verdict = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]

_OWN = {
    "APPROVED": "Can not approve your own pull request",
    "CHANGES_REQUESTED": "Can not request changes on your own pull request",
}


class GitHubWorld(Hub):
    """Acts take people by login. Without `by`, the author acts.

    Acts raise LookupError for what does not exist and RefusedError for what GitHub would refuse; then nothing
    has changed.
    """

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
        reviewers: Sequence[str] = (),
        body: str = "",
    ) -> Pull:
        """A new pull request. Files may be given by path alone.

        `reviewers` are asked while it opens: the first event lists them already, then each has one.
        """
        repo, now = self._repo(repository), self._second()
        pull = Pull(
            id=self._next_id(),
            repository_id=repo.id,
            number=1 + sum(pull.repository_id == repo.id for pull in self.document.pulls),
            title=title,
            body=body,
            author=self._login(author),
            draft=draft,
            files=[_file(file) for file in files],
            head_sha=self._sha(),
            labels=list(labels),
            created_at=now,
            updated_at=now,
        )
        asked = self._collaborators(pull, reviewers)
        pull.requested = [user.login for user in asked]
        self.document.pulls.append(pull)
        self._events.emit_pull(pull, "opened", pull.author)
        for name in pull.labels:
            self._events.emit_label(pull, "labeled", pull.author, name)
        self._emit_requests(pull, "review_requested", pull.author, asked)
        return pull

    def push(self, pull: Pull, files: Sequence[str | File] = (), by: str | None = None) -> None:
        """New commits, which may touch more files."""
        actor, touched = self._actor(pull, by), [_file(file) for file in files]
        before, pull.head_sha = pull.head_sha, self._sha()
        pull.files = list({file.path: file for file in [*pull.files, *touched]}.values())
        if pull.state == "closed":
            # The branch changes, but no webhook reports it.
            self.save()
            return
        self._touch(pull)
        self._events.emit_pull(pull, "synchronize", actor, before=before, after=pull.head_sha)

    def edit_title(self, pull: Pull, title: str, by: str | None = None) -> None:
        actor, before = self._actor(pull, by), pull.title
        if title != before:
            pull.title = title
            self._touch(pull)
            self._events.emit_pull(pull, "edited", actor, changes={"title": {"from": before}})

    def convert_to_draft(self, pull: Pull, by: str | None = None) -> None:
        self._set_draft(pull, True, "converted_to_draft", by)

    def ready_for_review(self, pull: Pull, by: str | None = None) -> None:
        self._set_draft(pull, False, "ready_for_review", by)

    def label(self, pull: Pull, name: str, by: str | None = None) -> None:
        actor = self._actor(pull, by)
        if name not in pull.labels:
            pull.labels.append(name)
            self._touch(pull)
            self._events.emit_label(pull, "labeled", actor, name)

    def unlabel(self, pull: Pull, name: str, by: str | None = None) -> None:
        actor = self._actor(pull, by)
        if name not in pull.labels:
            raise LookupError(f"label {name}")
        pull.labels.remove(name)
        self._touch(pull)
        self._events.emit_label(pull, "unlabeled", actor, name)

    def merge(self, pull: Pull, by: str | None = None) -> None:
        actor = self._actor(pull, by)
        if pull.state == "closed" or pull.draft:
            raise RefusedError(
                "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable"
            )
        self._touch(pull)
        pull.state, pull.merged_at, pull.closed_at = "closed", pull.updated_at, pull.updated_at
        pull.merged_by = actor
        self._events.emit_pull(pull, "closed", actor)

    def close(self, pull: Pull, by: str | None = None) -> None:
        actor = self._actor(pull, by)
        if pull.state == "open":
            self._touch(pull)
            pull.state, pull.closed_at = "closed", pull.updated_at
            self._events.emit_pull(pull, "closed", actor)

    def reopen(self, pull: Pull, by: str | None = None) -> None:
        actor = self._actor(pull, by)
        if pull.merged_at is not None:
            raise RefusedError("state cannot be changed. The pull request cannot be reopened.")
        if pull.state == "closed":
            pull.state, pull.closed_at = "open", None
            self._touch(pull)
            self._events.emit_pull(pull, "reopened", actor)

    def _set_draft(self, pull: Pull, draft: bool, action: str, by: str | None) -> None:
        actor = self._actor(pull, by)
        if pull.draft != draft:
            pull.draft = draft
            self._touch(pull)
            self._events.emit_pull(pull, action, actor)

    # --- asking and reviewing ------------------------------------------------------------------------------

    def request_review(
        self, pull: Pull, reviewers: Iterable[str], by: str, teams: Iterable[str] = ()
    ) -> None:
        """Ask people and teams, with one event each. If one cannot be asked, nobody is."""
        actor = self._login(by)
        people, groups = self._collaborators(pull, reviewers), self._teams(pull, teams)
        asked: list[User | Team] = [user for user in people if user.login not in pull.requested]
        asked += [team for team in groups if team.slug not in pull.requested_teams]
        for reviewer in asked:
            if isinstance(reviewer, Team):
                pull.requested_teams.append(reviewer.slug)
            else:
                pull.requested.append(reviewer.login)
        self._emit_requests(pull, "review_requested", actor, asked)

    def remove_request(
        self, pull: Pull, reviewers: Iterable[str], by: str, teams: Iterable[str] = ()
    ) -> None:
        """Take requests back. People who were not asked are ignored."""
        actor = self._login(by)
        logins, slugs = {login.lower() for login in reviewers}, {slug.lower() for slug in teams}
        removed: list[User | Team] = [
            self.users[login] for login in pull.requested if login.lower() in logins
        ]
        removed += [
            team
            for team in self.document.teams
            if team.slug in pull.requested_teams and team.slug.lower() in slugs
        ]
        pull.requested = [login for login in pull.requested if login.lower() not in logins]
        pull.requested_teams = [slug for slug in pull.requested_teams if slug.lower() not in slugs]
        self._emit_requests(pull, "review_request_removed", actor, removed)

    def review(self, pull: Pull, reviewer: str, state: Verdict, body: str = "") -> Review:
        """A submitted review. It ends the person's request and their team's, without an event.

        https://docs.github.com/en/rest/pulls/review-requests
        """
        login = self._reviewer(pull, reviewer, state)
        on_behalf_of = {team.slug for team in self.document.teams if login in team.members}
        pull.requested = [asked for asked in pull.requested if asked != login]
        pull.requested_teams = [slug for slug in pull.requested_teams if slug not in on_behalf_of]
        return self._submit(pull, login, state, body)

    def inline_reply(self, pull: Pull, reviewer: str, body: str = "") -> Review:
        """A reply in a thread, which GitHub turns into a review. Here the request stays.

        GitHub documents neither. People report that a first single comment ends the request, as any review
        does: that is `review(..., "COMMENTED")`.
        """
        return self._submit(pull, self._reviewer(pull, reviewer, "COMMENTED"), "COMMENTED", body)

    def dismiss_review(self, pull: Pull, review: Review, by: str) -> None:
        actor = self._login(by)
        if review.state not in _OWN:
            raise RefusedError(f"Can not dismiss a {review.state.lower()} pull request review")
        review.state = "DISMISSED"
        self._touch(pull)
        self._events.emit_review(pull, review, "dismissed", actor)

    def _collaborators(self, pull: Pull, logins: Iterable[str]) -> list[User]:
        people = {user.login.lower(): user for user in self.document.users}
        wanted = [login.lower() for login in logins]
        if pull.author.lower() in wanted:
            raise RefusedError("Review cannot be requested from pull request author.")
        if not {*wanted} <= {*people}:
            raise self._no_collaborator(pull)
        return [people[login] for login in dict.fromkeys(wanted)]

    def _teams(self, pull: Pull, slugs: Iterable[str]) -> list[Team]:
        teams = {team.slug.lower(): team for team in self.document.teams}
        wanted = [slug.lower() for slug in slugs]
        if not {*wanted} <= {*teams}:
            raise self._no_collaborator(pull)
        return [teams[slug] for slug in dict.fromkeys(wanted)]

    def _no_collaborator(self, pull: Pull) -> RefusedError:
        return RefusedError(
            "Reviews may only be requested from collaborators. One or more of the users or teams you"
            f" specified is not a collaborator of the {self.repo_of(pull).full_name} repository."
        )

    def _emit_requests(self, pull: Pull, action: str, actor: str, reviewers: Sequence[User | Team]) -> None:
        if reviewers:
            self._touch(pull)
        for reviewer in reviewers:
            self._events.emit_request(pull, action, actor, reviewer)

    def _reviewer(self, pull: Pull, reviewer: str, state: Verdict) -> str:
        login = self._login(reviewer)
        if login == pull.author and state in _OWN:
            raise RefusedError(_OWN[state])
        return login

    def _submit(self, pull: Pull, login: str, state: Verdict, body: str) -> Review:
        self._touch(pull)
        review = Review(id=self._next_id(), login=login, state=state, body=body, submitted_at=pull.updated_at)
        pull.reviews.append(review)
        self._events.emit_review(pull, review, "submitted", login)
        return review


def _file(file: str | File) -> File:
    return file if isinstance(file, File) else File(path=file, additions=12, deletions=3)
