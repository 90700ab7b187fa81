"""What GitHub tells the App when something happens: one webhook for each event, to whoever may hear it."""

from collections.abc import Callable, Iterable
from typing import Any

from bot.sandbox.github.model import Document, Installation, Pull, Repo, Review, Team, User
from bot.sandbox.github.shapes import Shape, Shapes
from bot.sandbox.webhooks import Webhooks


class Events:
    """Emits the webhooks about one document. People are named by login.

    Before anything is told, `keep` writes down what happened.
    """

    def __init__(
        self, document: Document, webhooks: Webhooks, shapes: Shapes, keep: Callable[[], None]
    ) -> None:
        self._document = document
        self._webhooks = webhooks
        self._shapes = shapes
        self._keep = keep

    def tell(self, pull: Pull, action: str, sender: str, **more: Any) -> None:
        """A pull_request event, with what this action adds to it."""
        repo = self._document.repo_of(pull)
        shown = self._shapes.pull(pull)
        payload = {"action": action, "number": pull.number, "pull_request": shown, **more}
        self._emit("pull_request", repo, payload, sender)

    def tell_request(self, pull: Pull, action: str, sender: str, asked: User | Team) -> None:
        """A pull_request event about one who was asked, or is not any more."""
        if isinstance(asked, Team):
            named = {"requested_team": self._shapes.team(asked)}
        else:
            named = {"requested_reviewer": self._shapes.user(asked)}
        self.tell(pull, action, sender, organization=self._shapes.organization(), **named)

    def tell_label(self, pull: Pull, action: str, sender: str, name: str) -> None:
        """A pull_request event about a label that came or went."""
        self.tell(pull, action, sender, label=self._shapes.label(self._document.repo_of(pull), name))

    def tell_review(self, pull: Pull, review: Review, action: str, sender: str) -> None:
        """A pull_request_review event."""
        repo = self._document.repo_of(pull)
        shown = self._shapes.review(review, pull)
        payload = {
            "action": action,
            # In capitals in the API, in small letters in events.
            "review": shown | {"state": review.state.lower()},
            "pull_request": self._shapes.listed_pull(pull),
        }
        self._emit("pull_request_review", repo, payload, sender)

    def tell_installation(
        self, installation: Installation, action: str, sender: str, repos: Iterable[Repo]
    ) -> None:
        """An installation event. The App hears of these also while it is suspended."""
        self._keep()
        self._webhooks.emit(
            "installation",
            {
                "action": action,
                "installation": self._shapes.installation_in_event(installation),
                "repositories": [self._shapes.small_repository(repo) for repo in repos],
                "sender": self._shapes.login(sender),
            },
        )

    def tell_repositories(
        self, installation: Installation, action: str, sender: str, repos: Iterable[Repo]
    ) -> None:
        """An installation_repositories event: `added` or `removed`."""
        shown = self._shapes.installation_in_event(installation)
        self._keep()
        listed = [self._shapes.small_repository(repo) for repo in repos]
        self._webhooks.emit(
            "installation_repositories",
            {
                "action": action,
                "installation": {k: v for k, v in shown.items() if not k.startswith("suspended")},
                "repository_selection": "selected",
                "repositories_added": listed if action == "added" else [],
                "repositories_removed": listed if action == "removed" else [],
                "sender": self._shapes.login(sender),
            },
        )

    def tell_ping(self, repo: Repo, sender: str) -> None:
        """What GitHub sends first to a new address."""
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
        self._keep()
        installation = next((i for i in self._document.installations if repo.id in i.repository_ids), None)
        if installation is None or installation.suspended_at is not None:
            return
        about = {
            "repository": self._shapes.repository(repo),
            "installation": self._shapes.installation_name(installation),
            "sender": self._shapes.login(sender),
        }
        self._webhooks.emit(event, payload | about)
