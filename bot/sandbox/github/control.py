"""JSON routes through which the page, scripts and demonstrations act on the sandbox's GitHub."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.errors import RefusedError
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
from bot.sandbox.github.world import GitHubWorld

T = TypeVar("T", bound=BaseModel)

_FAULT = TypeAdapter(Fault)


class _NotJsonError(Exception):
    """The body is not JSON."""


def github_control(server: GitHubServer) -> Blueprint:
    """`POST /sandbox/github/<operation>`: 400 says what is wrong with the body, 404 what does not exist."""
    blueprint = Blueprint("github_control", __name__, url_prefix="/sandbox/github")
    _add_errors(blueprint)
    _add_pull_operations(blueprint, server.world)
    _add_installation_operations(blueprint, server.world)
    _add_webhook_operations(blueprint, server.world)
    _add_faults(blueprint, server)
    return blueprint


def _add_errors(blueprint: Blueprint) -> None:
    @blueprint.errorhandler(_NotJsonError)
    async def malformed(error: _NotJsonError) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 400

    @blueprint.errorhandler(ValidationError)
    async def invalid(error: ValidationError) -> tuple[Response, int]:
        return jsonify({"error": error.errors(include_url=False, include_input=False)}), 400

    @blueprint.errorhandler(LookupError)
    async def missing(error: LookupError) -> tuple[Response, int]:
        return jsonify({"error": f"there is no {error}"}), 404

    @blueprint.errorhandler(RefusedError)
    async def refused(error: RefusedError) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 422


def _add_pull_operations(blueprint: Blueprint, world: GitHubWorld) -> None:
    async def open_pull_request() -> Response:
        order = await _read(Opening)
        files: Sequence[str | File] = order.files
        return _show(world.open_pull_request(files=files, **order.model_dump(exclude={"files"})))

    _add(blueprint, "open_pull_request", open_pull_request)
    for name, (kind, act) in ON_PULLS.items():
        _add(blueprint, name, _on_pull(world, kind, act))


def _on_pull(world: GitHubWorld, kind: type[OnPull], act: PullAct) -> Callable[[], Awaitable[Response]]:
    async def route() -> Response:
        order = await _read(kind)
        pull = world.load_pull(order.repository, order.number)
        act(world, pull, order)
        return _show(pull)

    return route


def _add_installation_operations(blueprint: Blueprint, world: GitHubWorld) -> None:
    async def install() -> Response:
        order = await _read(Installing)
        return _show(world.install(order.repositories, order.permissions))

    _add(blueprint, "install", install)
    for name, (kind, act) in ON_INSTALLATIONS.items():
        _add(blueprint, name, _on_installation(world, kind, act))


def _on_installation(
    world: GitHubWorld, kind: type[OnInstallation], act: InstallationAct
) -> Callable[[], Awaitable[Response]]:
    async def route() -> Response:
        order = await _read(kind)
        installation = world.find_installation(order.installation_id)
        if installation is None:
            raise LookupError(f"installation {order.installation_id}")
        act(world, installation, order)
        return _show(installation)

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
        raise _NotJsonError("send JSON, with Content-Type: application/json")
    return await request.get_data(as_text=False)


def _show(changed: BaseModel) -> Response:
    return jsonify(changed.model_dump(mode="json"))
