"""The accounts and repositories of the sandbox's GitHub, and the installations of the App."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from bot.sandbox.documents import save_document
from bot.sandbox.github.events import Events
from bot.sandbox.github.model import Document, Installation, Pull, Repo, User
from bot.sandbox.github.shapes import Shapes
from bot.sandbox.webhooks import Webhooks

_PERMISSIONS = {"metadata": "read", "pull_requests": "write", "members": "read"}


class Hub:
    """Accounts, repositories, pull requests and installations of one document.

    The document is saved in `file`; without one it ends with the process. `api` and `web` are the addresses
    in links, `webhooks` reports to the App, `now` is the sandbox's clock.
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
        self._events = Events(document, webhooks, self.shapes, self.save)
        self._now = now
        self._file = file

    # --- finding -------------------------------------------------------------------------------------------

    @property
    def users(self) -> dict[str, User]:
        """Everybody by login, including the App's bot user."""
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
        return next(
            (pull for pull in pulls if repo and pull.repository_id == repo.id and pull.number == number), None
        )

    def load_pull(self, full_name: str, number: int) -> Pull:
        """Raises LookupError."""
        if (pull := self.find_pull(full_name, number)) is None:
            raise LookupError(f"{full_name}#{number}")
        return pull

    def repo_of(self, pull: Pull) -> Repo:
        return self.document.repo_of(pull)

    def installation_of(self, repo: Repo) -> Installation | None:
        return self.document.installation_of(repo)

    def find_installation(self, installation_id: int) -> Installation | None:
        installations = self.document.installations
        return next((each for each in installations if each.id == installation_id), None)

    # --- installing ----------------------------------------------------------------------------------------

    def install(self, repositories: Sequence[str], permissions: dict[str, str] | None = None) -> Installation:
        repos = [self._repo(name) for name in repositories]
        installation = Installation(
            id=self._next_id(),
            repository_ids=[repo.id for repo in repos],
            permissions=permissions or dict(_PERMISSIONS),
        )
        self.document.installations.append(installation)
        self._emit_installation(installation, "created")
        return installation

    def uninstall(self, installation: Installation) -> None:
        self.document.installations.remove(installation)
        self._emit_installation(installation, "deleted")

    def suspend(self, installation: Installation) -> None:
        installation.suspended_at, installation.suspended_by = self._second(), self._owner
        self._emit_installation(installation, "suspend")

    def unsuspend(self, installation: Installation) -> None:
        installation.suspended_at = installation.suspended_by = None
        self._emit_installation(installation, "unsuspend")

    def accept_permissions(self, installation: Installation, permissions: dict[str, str]) -> None:
        """The owner grants what the App has asked for since it was changed."""
        installation.permissions = dict(permissions)
        self._emit_installation(installation, "new_permissions_accepted")

    def change_repositories(
        self, installation: Installation, added: Sequence[str] = (), removed: Sequence[str] = ()
    ) -> None:
        """Add repositories to an installation, or remove them from it."""
        new, old = [self._repo(name) for name in added], [self._repo(name) for name in removed]
        removed_ids = {repo.id for repo in old}
        ids = [*installation.repository_ids, *(repo.id for repo in new)]
        installation.repository_ids = [number for number in dict.fromkeys(ids) if number not in removed_ids]
        for action, repos in (("added", new), ("removed", old)):
            if repos:
                self._events.emit_repositories(installation, action, self._owner, repos)

    def ping(self, repository: str) -> None:
        """Let GitHub try the webhook address."""
        self._events.emit_ping(self._repo(repository), self._owner)

    def _emit_installation(self, installation: Installation, action: str) -> None:
        repos = [repo for repo in self.document.repositories if repo.id in installation.repository_ids]
        self._events.emit_installation(installation, action, self._owner, repos)

    @property
    def _owner(self) -> str:
        return self.document.owner

    # --- saving --------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the document."""
        if self._file is not None:
            save_document(self._file, self.document)

    def _repo(self, full_name: str) -> Repo:
        if (repo := self.find_repo(full_name)) is None:
            raise LookupError(full_name)
        return repo

    def _login(self, login: str) -> str:
        """The login as the account writes it: case does not matter to GitHub. Raises LookupError."""
        for account_login in self.users:
            if account_login.lower() == login.lower():
                return account_login
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
        return hashlib.sha1(str(self._next_id()).encode(), usedforsecurity=False).hexdigest()
