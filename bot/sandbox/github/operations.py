"""Orders from outside to the sandbox's GitHub: the shape of each order, and the act that carries it out."""

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
    """`by` is a login; without one, the author acts."""

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
    "push": (Push, lambda world, pull, order: world.push(pull, order.files, order.by)),
    "edit_title": (Named, lambda world, pull, order: world.edit_title(pull, order.name, order.by)),
    "label": (Named, lambda world, pull, order: world.label(pull, order.name, order.by)),
    "unlabel": (Named, lambda world, pull, order: world.unlabel(pull, order.name, order.by)),
    "request_review": (
        Asking,
        lambda world, pull, order: world.request_review(pull, order.reviewers, order.by, order.teams),
    ),
    "remove_request": (
        Asking,
        lambda world, pull, order: world.remove_request(pull, order.reviewers, order.by, order.teams),
    ),
    "review": (Reviewing, lambda world, pull, order: world.review(pull, order.reviewer, order.state)),
    "inline_reply": (Replying, lambda world, pull, order: world.inline_reply(pull, order.reviewer)),
    "dismiss_review": (
        Dismissing,
        lambda world, pull, order: world.dismiss_review(pull, pull.load_review(order.review_id), order.by),
    ),
    "merge": (Acting, lambda world, pull, order: world.merge(pull, order.by)),
    "close": (Acting, lambda world, pull, order: world.close(pull, order.by)),
    "reopen": (Acting, lambda world, pull, order: world.reopen(pull, order.by)),
    "convert_to_draft": (Acting, lambda world, pull, order: world.convert_to_draft(pull, order.by)),
    "ready_for_review": (Acting, lambda world, pull, order: world.ready_for_review(pull, order.by)),
}
ON_INSTALLATIONS: Mapping[str, tuple[type[OnInstallation], InstallationAct]] = {
    "uninstall": (OnInstallation, lambda world, installation, _: world.uninstall(installation)),
    "suspend": (OnInstallation, lambda world, installation, _: world.suspend(installation)),
    "unsuspend": (OnInstallation, lambda world, installation, _: world.unsuspend(installation)),
    "accept_permissions": (
        Granting,
        lambda world, installation, order: world.accept_permissions(installation, order.permissions),
    ),
    "change_repositories": (
        Repositories,
        lambda world, installation, order: world.change_repositories(
            installation, order.added, order.removed
        ),
    ),
}
ORDERS: Mapping[str, Callable[[list[Delivery]], list[Delivery]]] = {
    "as_emitted": list,
    "reversed": lambda held: held[::-1],
    "shuffled": lambda held: random.sample(held, len(held)),
}
