"""What people do on the sandbox's GitHub, as JSON over HTTP: for pages, demonstrations and scripts."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.model import File, Pull
from bot.sandbox.github.routes import Fault, GitHubServer
from bot.sandbox.github.world import GitHubWorld, Refused


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Opening(_Body):
    repository: str
    author: str
    title: str
    files: list[str | File]
    draft: bool = False
    labels: list[str] = []


class OnPull(_Body):
    repository: str
    number: int


class Push(OnPull):
    files: list[str | File] = []


class Named(OnPull):
    name: str


class Asking(OnPull):
    by: str
    reviewers: list[str] = []
    teams: list[str] = []


class Reviewing(OnPull):
    reviewer: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"] = "APPROVED"


Act = Callable[[GitHubWorld, Pull, Any], object]

_OPERATIONS: Mapping[str, tuple[type[OnPull], Act]] = {
    "push": (Push, lambda world, pull, body: world.push(pull, body.files)),
    "edit_title": (Named, lambda world, pull, body: world.edit_title(pull, body.name)),
    "label": (Named, lambda world, pull, body: world.label(pull, body.name)),
    "unlabel": (Named, lambda world, pull, body: world.unlabel(pull, body.name)),
    "request_review": (
        Asking,
        lambda world, pull, body: world.request_review(pull, body.reviewers, body.by, body.teams),
    ),
    "remove_request": (
        Asking,
        lambda world, pull, body: world.remove_request(pull, body.reviewers, body.by, body.teams),
    ),
    "review": (Reviewing, lambda world, pull, body: world.review(pull, body.reviewer, body.state)),
    "merge": (OnPull, lambda world, pull, _: world.merge(pull)),
    "close": (OnPull, lambda world, pull, _: world.close(pull)),
    "reopen": (OnPull, lambda world, pull, _: world.reopen(pull)),
    "convert_to_draft": (OnPull, lambda world, pull, _: world.convert_to_draft(pull)),
    "ready_for_review": (OnPull, lambda world, pull, _: world.ready_for_review(pull)),
}


def github_control(server: GitHubServer) -> Blueprint:
    """`POST /sandbox/github/<operation>`; 400 says what is wrong with a body."""
    blueprint = Blueprint("github_control", __name__, url_prefix="/sandbox/github")
    _add_errors(blueprint)
    _add_operations(blueprint, server.world)

    @blueprint.post("/faults")
    async def faults() -> Response:
        server.faults.append(Fault(**await request.get_json(force=True)))
        return jsonify({"ok": True})

    return blueprint


def _add_errors(blueprint: Blueprint) -> None:
    @blueprint.errorhandler(ValidationError)
    async def invalid(error: ValidationError) -> tuple[Response, int]:
        return jsonify({"error": error.errors(include_url=False, include_input=False)}), 400

    @blueprint.errorhandler(LookupError)
    async def missing(error: LookupError) -> tuple[Response, int]:
        return jsonify({"error": f"there is no {error}"}), 404

    @blueprint.errorhandler(Refused)
    async def refused(error: Refused) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 422


def _add_operations(blueprint: Blueprint, world: GitHubWorld) -> None:
    @blueprint.post("/open_pull_request")
    async def open_pull_request() -> Response:
        body = Opening.model_validate(await request.get_json(force=True))
        return _shown(world.open_pull_request(**body.model_dump(exclude={"files"}), files=body.files))

    @blueprint.post("/<operation>")
    async def act_on_pull(operation: str) -> Response:
        if operation not in _OPERATIONS:
            raise LookupError(f"operation {operation}")
        kind, act = _OPERATIONS[operation]
        body = kind.model_validate(await request.get_json(force=True))
        pull = world.load_pull(body.repository, body.number)
        act(world, pull, body)
        return _shown(pull)


def _shown(pull: Pull) -> Response:
    return jsonify(pull.model_dump(mode="json"))
