"""Calls to the sandbox's GitHub: who calls, what they may see, and the faults that were ordered."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict
from quart import request

from bot.sandbox.github.access import Access, allows
from bot.sandbox.github.answers import FORBIDDEN, NOT_FOUND
from bot.sandbox.github.errors import AnswerError
from bot.sandbox.github.model import Installation, Pull, Repo
from bot.sandbox.github.user_access import UserAccess
from bot.sandbox.github.world import GitHubWorld

Body = TypeVar("Body", bound=BaseModel)

MOST_CALLS_KEPT = 10_000


@dataclass(frozen=True)
class Fault:
    """The answer to the next `times` calls whose path contains `path`, in place of the right one.

    `hang` is in seconds, before the answer. `body`, if not None, is the JSON of the answer. Without it, the
    answer with status 200 is the right one, unless `graphql` is a type of error: then GraphQL calls get
    status 200 and that error, as on GitHub.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""
    hang: float = 0.0
    times: int = 1
    path: str = ""
    graphql: str = ""
    body: Any = None

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def meets(self, path: str) -> bool:
        """Whether this fault applies to a call to this path."""
        return self.path in path and (not self.graphql or path.endswith("/graphql"))


@dataclass(frozen=True)
class Caller:
    """An installation that calls, with the permissions and repositories of its token."""

    installation: Installation
    permissions: Mapping[str, str]
    repository_ids: frozenset[int]

    def may(self, permission: str, level: str) -> bool:
        return allows(self.permissions, permission, level)


@dataclass
class GitHubServer:
    """A world and who may see it. Each call uses up one of `faults`; `calls` lists the last calls."""

    world: GitHubWorld
    access: Access
    users: UserAccess = field(default_factory=UserAccess)
    faults: deque[Fault] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    remaining: int = 4999
    """How many calls the headers say are left of the rate limit. The sandbox does not count them."""
    on_answer: Callable[[str, str, int], object] = lambda method, path, status: None
    """Called with method, path and status of every call that was answered."""
    alter: Callable[[str, bytes], bytes] = lambda path, answer: answer
    """Called with the path of every call and the body of its answer; returns the body to send."""

    def note_call(self, method: str, path: str) -> Fault | None:
        """Note a call. Returns the fault that applies to it, if any."""
        self.calls.append(f"{method} {path}")
        del self.calls[:-MOST_CALLS_KEPT]
        for index, fault in enumerate(self.faults):
            if fault.meets(path):
                # Replaced, not changed: the same fault may have been ordered twice.
                self.faults[index] = replace(fault, times=fault.times - 1)
                if fault.times <= 1:
                    del self.faults[index]
                return fault
        return None

    def check_app(self) -> None:
        """Check that the caller is the App itself. Raises AnswerError."""
        self.access.check_app(_authorization())

    def load_caller(self) -> Caller:
        """The installation that calls. Raises AnswerError if it is gone or suspended, or the token is bad."""
        token = self.access.find_token(_authorization())
        installation = self.world.find_installation(token.installation_id)
        if installation is None:
            raise AnswerError(401, "Bad credentials")
        if installation.suspended_at is not None:
            raise AnswerError(403, "This installation has been suspended")
        within = frozenset(installation.repository_ids)
        return Caller(
            installation,
            installation.permissions if token.permissions is None else token.permissions,
            within if token.repository_ids is None else within & token.repository_ids,
        )

    def load_repo(self, owner: str, name: str) -> Repo:
        """A repository that the caller may see. Raises AnswerError."""
        return self.require_visible(self.world.find_repo(f"{owner}/{name}"))

    def require_visible(self, repo: Repo | None) -> Repo:
        """The repository, if it exists for the caller. Raises AnswerError."""
        if repo is None or repo.id not in self.load_caller().repository_ids:
            raise AnswerError(404, NOT_FOUND)
        return repo

    def load_pull(self, owner: str, name: str, number: int, level: str = "read") -> Pull:
        """A pull request to which the caller has this level of access. Raises AnswerError."""
        repo = self.load_pulls_repo(owner, name, level)
        if (pull := self.world.find_pull(repo.full_name, number)) is None:
            raise AnswerError(404, NOT_FOUND)
        return pull

    def load_pulls_repo(self, owner: str, name: str, level: str = "read") -> Repo:
        """A repository to whose pull requests the caller has this level of access. Raises AnswerError."""
        caller, repo = self.load_caller(), self.load_repo(owner, name)
        if not caller.may("pull_requests", level):
            raise AnswerError(403, FORBIDDEN)
        return repo

    def load_installation(self, installation_id: int) -> Installation:
        """Raises AnswerError."""
        if (installation := self.world.find_installation(installation_id)) is None:
            raise AnswerError(404, NOT_FOUND)
        return installation


async def read_body(kind: type[Body]) -> Body:
    """The JSON that was sent. Raises AnswerError, and pydantic's ValidationError."""
    raw = await request.get_data(as_text=False)
    try:
        given: Any = json.loads(raw or b"{}")
    except ValueError:
        raise AnswerError(400, "Problems parsing JSON") from None
    if not isinstance(given, dict):
        raise AnswerError(400, "Body should be a JSON object")
    return kind.model_validate(given)


def _authorization() -> str:
    return request.headers.get("Authorization", "")
