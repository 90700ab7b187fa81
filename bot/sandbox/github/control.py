"""What people do on the sandbox's GitHub, as JSON over HTTP: for pages, demonstrations and scripts."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.model import File
from bot.sandbox.github.operations import (
    ON_INSTALLATIONS,
    ON_PULLS,
    ORDERS,
    InstallationAct,
    Installing,
    Nothing,
    OnInstallation,
    OnPull,
    Opening,
    PullAct,
    Redelivery,
    Release,
)
from bot.sandbox.github.server import Fault, GitHubServer
from bot.sandbox.github.world import GitHubWorld, Refused

T = TypeVar("T", bound=BaseModel)

_FAULT = TypeAdapter(Fault)


class _BadRequest(Exception):
    """What was sent is no JSON."""


def github_control(server: GitHubServer) -> Blueprint:
    """`POST /sandbox/github/<operation>`: 400 says what is wrong with a body, 404 what there is not."""
    blueprint = Blueprint("github_control", __name__, url_prefix="/sandbox/github")
    _add_errors(blueprint)
    _add_pull_operations(blueprint, server.world)
    _add_installation_operations(blueprint, server.world)
    _add_webhook_operations(blueprint, server.world)
    _add_faults(blueprint, server)
    return blueprint


def _add_errors(blueprint: Blueprint) -> None:
    @blueprint.errorhandler(_BadRequest)
    async def malformed(error: _BadRequest) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 400

    @blueprint.errorhandler(ValidationError)
    async def invalid(error: ValidationError) -> tuple[Response, int]:
        return jsonify({"error": error.errors(include_url=False, include_input=False)}), 400

    @blueprint.errorhandler(LookupError)
    async def missing(error: LookupError) -> tuple[Response, int]:
        return jsonify({"error": f"there is no {error}"}), 404

    @blueprint.errorhandler(Refused)
    async def refused(error: Refused) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 422


def _add_pull_operations(blueprint: Blueprint, world: GitHubWorld) -> None:
    async def open_pull_request() -> Response:
        it = await _read(Opening)
        files: Sequence[str | File] = it.files
        return _shown(world.open_pull_request(files=files, **it.model_dump(exclude={"files"})))

    _add(blueprint, "open_pull_request", open_pull_request)
    for name, (kind, act) in ON_PULLS.items():
        _add(blueprint, name, _on_pull(world, kind, act))


def _on_pull(world: GitHubWorld, kind: type[OnPull], act: PullAct) -> Callable[[], Awaitable[Response]]:
    async def route() -> Response:
        it = await _read(kind)
        pull = world.load_pull(it.repository, it.number)
        act(world, pull, it)
        return _shown(pull)

    return route


def _add_installation_operations(blueprint: Blueprint, world: GitHubWorld) -> None:
    async def install() -> Response:
        it = await _read(Installing)
        return _shown(world.install(it.repositories, it.permissions))

    _add(blueprint, "install", install)
    for name, (kind, act) in ON_INSTALLATIONS.items():
        _add(blueprint, name, _on_installation(world, kind, act))


def _on_installation(
    world: GitHubWorld, kind: type[OnInstallation], act: InstallationAct
) -> Callable[[], Awaitable[Response]]:
    async def route() -> Response:
        it = await _read(kind)
        installation = world.find_installation(it.installation_id)
        if installation is None:
            raise LookupError(f"installation {it.installation_id}")
        act(world, installation, it)
        return _shown(installation)

    return route


def _add_webhook_operations(blueprint: Blueprint, world: GitHubWorld) -> None:
    async def hold() -> Response:
        await _read(Nothing)
        world.webhooks.hold()
        return jsonify({"ok": True})

    async def release() -> Response:
        world.webhooks.release(ORDERS[(await _read(Release)).order])
        return jsonify({"ok": True})

    async def redeliver() -> Response:
        again = world.webhooks.redeliver((await _read(Redelivery)).guid)
        return jsonify({"id": again.id, "guid": again.guid})

    _add(blueprint, "hold_webhooks", hold)
    _add(blueprint, "release_webhooks", release)
    _add(blueprint, "redeliver", redeliver)


def _add_faults(blueprint: Blueprint, server: GitHubServer) -> None:
    async def faults() -> Response:
        server.faults.append(_FAULT.validate_json(await _raw()))
        return jsonify({"ok": True})

    _add(blueprint, "faults", faults)


def _add(blueprint: Blueprint, name: str, route: Callable[[], Awaitable[Response]]) -> None:
    blueprint.add_url_rule(f"/{name}", name, route, methods=["POST"])


async def _read(kind: type[T]) -> T:
    return kind.model_validate_json(await _raw())


async def _raw() -> str | bytes:
    # A page from elsewhere may post a form to loopback, but not JSON.
    if not request.is_json:
        raise _BadRequest("send JSON, with Content-Type: application/json")
    return await request.get_data(as_text=False)


def _shown(what: BaseModel) -> Response:
    return jsonify(what.model_dump(mode="json"))
