"""The sandbox's GitHub as it is called: by whom, what they may see, and what goes wrong on demand."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict
from quart import request

from bot.sandbox.github.access import Access, Unauthorized, allows
from bot.sandbox.github.answers import FORBIDDEN, NOT_FOUND, Answer
from bot.sandbox.github.model import Installation, Pull, Repo
from bot.sandbox.github.user_access import UserAccess
from bot.sandbox.github.world import GitHubWorld

Body = TypeVar("Body", bound=BaseModel)

MOST_CALLS_KEPT = 10_000


@dataclass(frozen=True)
class Fault:
    """What the next `times` calls are answered instead, or those only whose path contains `path`.

    `hang` is in seconds, before the answer. A status of 200 answers truly, unless `graphql` is a
    type of error: then GraphQL calls are answered 200 with that error, as GitHub does.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""
    hang: float = 0.0
    times: int = 1
    path: str = ""
    graphql: str = ""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def meets(self, path: str) -> bool:
        """Whether a call to this path is answered so."""
        return self.path in path and (not self.graphql or path.endswith("/graphql"))


@dataclass(frozen=True)
class Caller:
    """An installation, as far as the token reaches that it calls with."""

    installation: Installation
    permissions: Mapping[str, str]
    repository_ids: frozenset[int]

    def may(self, permission: str, level: str) -> bool:
        return allows(self.permissions, permission, level)


@dataclass
class GitHubServer:
    """A world and who may see it. `faults` are used up one a call; `calls` lists the last calls made."""

    world: GitHubWorld
    access: Access
    users: UserAccess = field(default_factory=UserAccess)
    faults: deque[Fault] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    on_answer: Callable[[str, str, int], object] = lambda method, path, status: None
    """Hears of every call that was answered."""

    def note_call(self, method: str, path: str) -> Fault | None:
        """Writes a call down; returns what is to go wrong with it."""
        self.calls.append(f"{method} {path}")
        del self.calls[:-MOST_CALLS_KEPT]
        for index, fault in enumerate(self.faults):
            if fault.meets(path):
                # Replaced, never changed: one fault may be ordered twice.
                self.faults[index] = replace(fault, times=fault.times - 1)
                if fault.times <= 1:
                    del self.faults[index]
                return fault
        return None

    def check_app(self) -> None:
        """The caller is the App itself. Raises Unauthorized."""
        self.access.check_app(_authorization())

    def load_caller(self) -> Caller:
        """The installation that calls. Raises Unauthorized, and Answer for one that is suspended."""
        token = self.access.find_token(_authorization())
        installation = self.world.find_installation(token.installation_id)
        if installation is None:
            raise Unauthorized("Bad credentials")
        if installation.suspended_at is not None:
            raise Answer(403, "This installation has been suspended")
        within = frozenset(installation.repository_ids)
        return Caller(
            installation,
            installation.permissions if token.permissions is None else token.permissions,
            within if token.repository_ids is None else within & token.repository_ids,
        )

    def load_repo(self, owner: str, name: str) -> Repo:
        """A repository that the caller may see. Others do not exist for it. Raises Answer."""
        return self.seen(self.world.find_repo(f"{owner}/{name}"))

    def seen(self, repo: Repo | None) -> Repo:
        """The same, once it was found."""
        if repo is None or repo.id not in self.load_caller().repository_ids:
            raise Answer(404, NOT_FOUND)
        return repo

    def load_pull(self, owner: str, name: str, number: int, level: str = "read") -> Pull:
        """A pull request with which the caller may do this. Raises Answer."""
        repo = self.load_pulls_repo(owner, name, level)
        if (pull := self.world.find_pull(repo.full_name, number)) is None:
            raise Answer(404, NOT_FOUND)
        return pull

    def load_pulls_repo(self, owner: str, name: str, level: str = "read") -> Repo:
        """A repository with whose pull requests the caller may do this. Raises Answer."""
        caller, repo = self.load_caller(), self.load_repo(owner, name)
        if not caller.may("pull_requests", level):
            raise Answer(403, FORBIDDEN)
        return repo

    def load_installation(self, installation_id: int) -> Installation:
        """Raises Answer."""
        if (installation := self.world.find_installation(installation_id)) is None:
            raise Answer(404, NOT_FOUND)
        return installation


async def read_body(kind: type[Body]) -> Body:
    """The JSON that was sent. Raises Answer, and pydantic's ValidationError."""
    raw = await request.get_data(as_text=False)
    try:
        given: Any = json.loads(raw or b"{}")
    except ValueError:
        raise Answer(400, "Problems parsing JSON") from None
    if not isinstance(given, dict):
        raise Answer(400, "Body should be a JSON object")
    return kind.model_validate(given)


def _authorization() -> str:
    return request.headers.get("Authorization", "")
