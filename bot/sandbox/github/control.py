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


_SIMPLE: Mapping[str, Callable[[GitHubWorld, Pull], object]] = {
    "merge": GitHubWorld.merge,
    "close": GitHubWorld.close,
    "reopen": GitHubWorld.reopen,
    "convert_to_draft": GitHubWorld.convert_to_draft,
    "ready_for_review": GitHubWorld.ready_for_review,
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
    async def read(kind: type[_Body]) -> Any:
        return kind.model_validate(await request.get_json(force=True))

    @blueprint.post("/open_pull_request")
    async def open_pull_request() -> Response:
        body: Opening = await read(Opening)
        return _shown(world.open_pull_request(**body.model_dump(exclude={"files"}), files=body.files))

    @blueprint.post("/push")
    async def push() -> Response:
        body: Push = await read(Push)
        pull = world.load_pull(body.repository, body.number)
        world.push(pull, body.files)
        return _shown(pull)

    @blueprint.post("/request_review")
    async def request_review() -> Response:
        body: Asking = await read(Asking)
        pull = world.load_pull(body.repository, body.number)
        world.request_review(pull, body.reviewers, body.by, body.teams)
        return _shown(pull)

    @blueprint.post("/review")
    async def review() -> Response:
        body: Reviewing = await read(Reviewing)
        pull = world.load_pull(body.repository, body.number)
        world.review(pull, body.reviewer, body.state)
        return _shown(pull)

    @blueprint.post("/edit_title")
    async def edit_title() -> Response:
        body: Named = await read(Named)
        pull = world.load_pull(body.repository, body.number)
        world.edit_title(pull, body.name)
        return _shown(pull)

    @blueprint.post("/<operation>")
    async def simple(operation: str) -> Response:
        if (act := _SIMPLE.get(operation)) is None:
            raise LookupError(f"operation {operation}")
        body: OnPull = await read(OnPull)
        pull = world.load_pull(body.repository, body.number)
        act(world, pull)
        return _shown(pull)


def _shown(pull: Pull) -> Response:
    return jsonify(pull.model_dump(mode="json"))
