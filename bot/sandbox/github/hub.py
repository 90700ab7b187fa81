"""The ground on which people act: what there is on the sandbox's GitHub, and where the App is installed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from bot.sandbox.github.events import Events
from bot.sandbox.github.model import Document, Installation, Pull, Repo, User
from bot.sandbox.github.shapes import Shapes
from bot.sandbox.keeping import keep
from bot.sandbox.webhooks import Webhooks

_PERMISSIONS = {"metadata": "read", "pull_requests": "write", "members": "read"}


class Refused(Exception):
    """GitHub says no (422). Its text is what it says."""


class Hub:
    """Accounts, repositories, pull requests and installations of one document.

    `file` keeps the document; without one it is gone with the process. `api` and `web` are the addresses in
    links, `webhooks` carry what happens to the App, `now` is the sandbox's clock.
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
        self._events = Events(document, webhooks, self.shapes, self.keep)
        self._now = now
        self._file = file

    # --- finding -------------------------------------------------------------------------------------------

    @property
    def users(self) -> dict[str, User]:
        """Everybody by login, the App's bot user included."""
        return self.document.accounts

    @property
    def bot(self) -> User:
        return self.document.bot

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
        return self.document.repo_of(pull)

    def installation_of(self, repo: Repo) -> Installation | None:
        return next((i for i in self.document.installations if repo.id in i.repository_ids), None)

    def find_installation(self, installation_id: int) -> Installation | None:
        return next((i for i in self.document.installations if i.id == installation_id), None)

    # --- installing ----------------------------------------------------------------------------------------

    def install(self, repositories: Sequence[str], permissions: dict[str, str] | None = None) -> Installation:
        repos = [self._repo(name) for name in repositories]
        installation = Installation(
            id=self._next_id(),
            repository_ids=[repo.id for repo in repos],
            permissions=permissions or dict(_PERMISSIONS),
        )
        self.document.installations.append(installation)
        self._tell_installation(installation, "created")
        return installation

    def uninstall(self, installation: Installation) -> None:
        self.document.installations.remove(installation)
        self._tell_installation(installation, "deleted")

    def suspend(self, installation: Installation) -> None:
        installation.suspended_at, installation.suspended_by = self._second(), self._owner
        self._tell_installation(installation, "suspend")

    def unsuspend(self, installation: Installation) -> None:
        installation.suspended_at = installation.suspended_by = None
        self._tell_installation(installation, "unsuspend")

    def accept_permissions(self, installation: Installation, permissions: dict[str, str]) -> None:
        """The owner grants what the App asks for since it was changed."""
        installation.permissions = dict(permissions)
        self._tell_installation(installation, "new_permissions_accepted")

    def change_repositories(
        self, installation: Installation, added: Sequence[str] = (), removed: Sequence[str] = ()
    ) -> None:
        """Gives repositories to an installation, or takes them from it."""
        coming, going = [self._repo(name) for name in added], [self._repo(name) for name in removed]
        taken = {repo.id for repo in going}
        ids = [*installation.repository_ids, *(repo.id for repo in coming)]
        installation.repository_ids = [number for number in dict.fromkeys(ids) if number not in taken]
        for action, repos in (("added", coming), ("removed", going)):
            if repos:
                self._events.tell_repositories(installation, action, self._owner, repos)

    def ping(self, repository: str) -> None:
        """GitHub tries the webhook address."""
        self._events.tell_ping(self._repo(repository), self._owner)

    def _tell_installation(self, installation: Installation, action: str) -> None:
        repos = [repo for repo in self.document.repositories if repo.id in installation.repository_ids]
        self._events.tell_installation(installation, action, self._owner, repos)

    @property
    def _owner(self) -> str:
        return self.document.owner

    # --- keeping -------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Writes the document down."""
        if self._file is not None:
            keep(self._file, self.document)

    def _repo(self, full_name: str) -> Repo:
        if (repo := self.find_repo(full_name)) is None:
            raise LookupError(full_name)
        return repo

    def _login(self, login: str) -> str:
        """As the account writes it: case does not matter to GitHub."""
        for known in self.users:
            if known.lower() == login.lower():
                return known
        raise LookupError(login)

    def _actor(self, pull: Pull, by: str | None) -> str:
        return pull.author if by is None else self._login(by)

    def _touch(self, pull: Pull) -> None:
        pull.updated_at = self._second()

    def _second(self) -> datetime:
        return self._now().replace(microsecond=0)

    def _next_id(self) -> int:
        self.document.last_id += 1
        return self.document.last_id

    def _sha(self) -> str:
        return f"{self._next_id():040x}"
