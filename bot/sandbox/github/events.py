"""The webhooks that GitHub sends to the App: one for each event that its installation may see."""

from collections.abc import Callable, Iterable
from typing import Any

from bot.sandbox.github.model import Document, Installation, Pull, Repo, Review, Team, User
from bot.sandbox.github.shapes import Shape, Shapes
from bot.sandbox.webhooks import Webhooks


class Events:
    """Emits the webhooks about one document. Methods take people by login.

    Before each webhook, `save` writes the document.
    """

    def __init__(
        self, document: Document, webhooks: Webhooks, shapes: Shapes, save: Callable[[], None]
    ) -> None:
        self._document = document
        self._webhooks = webhooks
        self._shapes = shapes
        self._save = save

    def emit_pull(self, pull: Pull, action: str, sender: str, **more: Any) -> None:
        """A pull_request event, with the fields that this action adds."""
        repo = self._document.repo_of(pull)
        payload = {
            "action": action,
            "number": pull.number,
            "pull_request": self._shapes.pull(pull),
            **more,
        }
        self._emit("pull_request", repo, payload, sender)

    def emit_request(self, pull: Pull, action: str, sender: str, asked: User | Team) -> None:
        """A pull_request event about a review request that came or went."""
        if isinstance(asked, Team):
            reviewer = {"requested_team": self._shapes.team(asked)}
        else:
            reviewer = {"requested_reviewer": self._shapes.user(asked)}
        self.emit_pull(pull, action, sender, organization=self._shapes.organization(), **reviewer)

    def emit_label(self, pull: Pull, action: str, sender: str, name: str) -> None:
        """A pull_request event about a label that came or went."""
        self.emit_pull(pull, action, sender, label=self._shapes.label(self._document.repo_of(pull), name))

    def emit_review(self, pull: Pull, review: Review, action: str, sender: str) -> None:
        """A pull_request_review event."""
        repo = self._document.repo_of(pull)
        payload = {
            "action": action,
            # The state has capitals in the API and small letters in events.
            "review": self._shapes.review(review, pull) | {"state": review.state.lower()},
            "pull_request": self._shapes.listed_pull(pull),
        }
        self._emit("pull_request_review", repo, payload, sender)

    def emit_installation(
        self, installation: Installation, action: str, sender: str, repos: Iterable[Repo]
    ) -> None:
        """An installation event. The App gets these even while it is suspended."""
        self._save()
        self._webhooks.emit(
            "installation",
            {
                "action": action,
                "installation": self._shapes.installation_in_event(installation),
                "repositories": [self._shapes.small_repository(repo) for repo in repos],
                "sender": self._shapes.login(sender),
            },
        )

    def emit_repositories(
        self, installation: Installation, action: str, sender: str, repos: Iterable[Repo]
    ) -> None:
        """An installation_repositories event: `added` or `removed`."""
        shape = self._shapes.installation_in_event(installation)
        self._save()
        listed = [self._shapes.small_repository(repo) for repo in repos]
        self._webhooks.emit(
            "installation_repositories",
            {
                "action": action,
                "installation": {
                    name: value for name, value in shape.items() if not name.startswith("suspended")
                },
                "repository_selection": "selected",
                "repositories_added": listed if action == "added" else [],
                "repositories_removed": listed if action == "removed" else [],
                "sender": self._shapes.login(sender),
            },
        )

    def emit_ping(self, repo: Repo, sender: str) -> None:
        """The ping event, which GitHub sends first to a new address."""
        self._webhooks.emit(
            "ping",
            {
                "zen": "Keep it logically awesome.",
                "hook_id": 1,
                "hook": self._shapes.hook(repo, self._webhooks.url),
                "repository": self._shapes.repository(repo),
                "sender": self._shapes.login(sender),
            },
        )

    def _emit(self, event: str, repo: Repo, payload: Shape, sender: str) -> None:
        self._save()
        installation = self._document.installation_of(repo)
        if installation is None or installation.suspended_at is not None:
            return
        about = {
            "repository": self._shapes.repository(repo),
            "installation": self._shapes.installation_name(installation),
            "sender": self._shapes.login(sender),
        }
        self._webhooks.emit(event, payload | about)
