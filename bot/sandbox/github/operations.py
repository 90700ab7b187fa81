"""What can be done on the sandbox's GitHub from outside: the shape of each order, and its act."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.sandbox.github.model import File, Installation, Pull
from bot.sandbox.github.world import GitHubWorld, Verdict
from bot.sandbox.webhooks import Delivery


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Opening(Body):
    repository: str
    author: str
    title: str
    files: list[str | File] = Field(min_length=1)
    draft: bool = False
    labels: list[str] = []
    reviewers: list[str] = []
    body: str = ""


class OnPull(Body):
    repository: str
    number: int


class Acting(OnPull):
    """`by`: a login; the author if none is named."""

    by: str | None = None


class Push(Acting):
    files: list[str | File] = []


class Named(Acting):
    name: str


class Asking(OnPull):
    by: str
    reviewers: list[str] = []
    teams: list[str] = []


class Reviewing(OnPull):
    reviewer: str
    state: Verdict = "APPROVED"


class Replying(OnPull):
    reviewer: str


class Dismissing(OnPull):
    review_id: int
    by: str


class Installing(Body):
    repositories: list[str]
    permissions: dict[str, str] | None = None


class OnInstallation(Body):
    installation_id: int


class Granting(OnInstallation):
    permissions: dict[str, str]


class Repositories(OnInstallation):
    added: list[str] = []
    removed: list[str] = []


class Nothing(Body):
    pass


class Release(Body):
    order: Literal["as_emitted", "reversed", "shuffled"] = "as_emitted"


class Redelivery(Body):
    guid: str


PullAct = Callable[[GitHubWorld, Pull, Any], object]
InstallationAct = Callable[[GitHubWorld, Installation, Any], object]

ON_PULLS: Mapping[str, tuple[type[OnPull], PullAct]] = {
    "push": (Push, lambda world, pull, it: world.push(pull, it.files, it.by)),
    "edit_title": (Named, lambda world, pull, it: world.edit_title(pull, it.name, it.by)),
    "label": (Named, lambda world, pull, it: world.label(pull, it.name, it.by)),
    "unlabel": (Named, lambda world, pull, it: world.unlabel(pull, it.name, it.by)),
    "request_review": (
        Asking,
        lambda world, pull, it: world.request_review(pull, it.reviewers, it.by, it.teams),
    ),
    "remove_request": (
        Asking,
        lambda world, pull, it: world.remove_request(pull, it.reviewers, it.by, it.teams),
    ),
    "review": (Reviewing, lambda world, pull, it: world.review(pull, it.reviewer, it.state)),
    "inline_reply": (Replying, lambda world, pull, it: world.inline_reply(pull, it.reviewer)),
    "dismiss_review": (
        Dismissing,
        lambda world, pull, it: world.dismiss_review(pull, pull.load_review(it.review_id), it.by),
    ),
    "merge": (Acting, lambda world, pull, it: world.merge(pull, it.by)),
    "close": (Acting, lambda world, pull, it: world.close(pull, it.by)),
    "reopen": (Acting, lambda world, pull, it: world.reopen(pull, it.by)),
    "convert_to_draft": (Acting, lambda world, pull, it: world.convert_to_draft(pull, it.by)),
    "ready_for_review": (Acting, lambda world, pull, it: world.ready_for_review(pull, it.by)),
}
ON_INSTALLATIONS: Mapping[str, tuple[type[OnInstallation], InstallationAct]] = {
    "uninstall": (OnInstallation, lambda world, one, _: world.uninstall(one)),
    "suspend": (OnInstallation, lambda world, one, _: world.suspend(one)),
    "unsuspend": (OnInstallation, lambda world, one, _: world.unsuspend(one)),
    "accept_permissions": (Granting, lambda world, one, it: world.accept_permissions(one, it.permissions)),
    "change_repositories": (
        Repositories,
        lambda world, one, it: world.change_repositories(one, it.added, it.removed),
    ),
}
ORDERS: Mapping[str, Callable[[list[Delivery]], list[Delivery]]] = {
    "as_emitted": list,
    "reversed": lambda held: held[::-1],
    "shuffled": lambda held: random.sample(held, len(held)),
}
