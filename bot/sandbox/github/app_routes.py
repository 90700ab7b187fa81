"""The App's own routes, with its JWT: its installations, their tokens, its webhooks' deliveries."""

import json

from pydantic import BaseModel, ConfigDict
from quart import Blueprint, Response, jsonify, request

from bot.sandbox.github.answers import NOT_FOUND, add_links, answer_page, invalid_field, per_page
from bot.sandbox.github.errors import AnswerError
from bot.sandbox.github.manifest_routes import add_manifest_routes
from bot.sandbox.github.model import Installation
from bot.sandbox.github.registration import Registration, add_registration
from bot.sandbox.github.server import GitHubServer, read_body
from bot.sandbox.github.shapes import Shape, instant
from bot.sandbox.webhooks import Delivery

_FAILED = {None: "pending", 0: "failed to connect to host"}


class _TokenWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    permissions: dict[str, str] = {}
    repositories: list[str] = []
    repository_ids: list[int] = []


def add_app_routes(blueprint: Blueprint, server: GitHubServer, api: str) -> None:
    """Add these routes under `api`."""
    registration = add_registration(blueprint, server, api)
    add_manifest_routes(blueprint, server, api, registration)
    _add_installations(blueprint, server, api, registration)
    _add_tokens(blueprint, server, api)
    _add_deliveries(blueprint, server, f"{api}/app/hook/deliveries")


def _add_installations(
    blueprint: Blueprint, server: GitHubServer, api: str, registration: Registration
) -> None:
    world = server.world

    def show(installation: Installation) -> Shape:
        return world.shapes.installation(installation) | {"events": registration.events}

    @blueprint.get(f"{api}/app")
    async def app() -> Response:
        server.check_app()
        count = len(world.document.installations)
        return jsonify(world.shapes.app() | registration.shape | {"installations_count": count})

    @blueprint.get(f"{api}/app/installations")
    async def installations() -> Response:
        server.check_app()
        return answer_page([show(installation) for installation in world.document.installations])

    @blueprint.get(f"{api}/app/installations/<int:number>")
    async def installation(number: int) -> Response:
        server.check_app()
        return jsonify(show(server.load_installation(number)))

    @blueprint.get(f"{api}/repos/<owner>/<name>/installation")
    async def installation_of_repo(owner: str, name: str) -> Response:
        server.check_app()
        repo = world.find_repo(f"{owner}/{name}")
        installation = world.installation_of(repo) if repo is not None else None
        if installation is None:
            raise AnswerError(404, NOT_FOUND)
        return jsonify(show(installation))


def _add_tokens(blueprint: Blueprint, server: GitHubServer, api: str) -> None:
    world = server.world

    @blueprint.post(f"{api}/app/installations/<int:number>/access_tokens")
    async def access_tokens(number: int) -> tuple[Response, int]:
        server.check_app()
        installation, wish = server.load_installation(number), await read_body(_TokenWish)
        if installation.suspended_at is not None:
            raise AnswerError(403, "This installation has been suspended")
        text, token = server.access.mint(installation, wish.permissions, _repository_ids(server, wish))
        answer: Shape = {
            "token": text,
            "expires_at": instant(token.expires_at),
            "permissions": token.permissions or installation.permissions,
            "repository_selection": "selected",
        }
        if token.repository_ids is not None:
            repos = [repo for repo in world.document.repositories if repo.id in token.repository_ids]
            answer["repositories"] = [world.shapes.repository(repo) for repo in repos]
        return jsonify(answer), 201


def _repository_ids(server: GitHubServer, wish: _TokenWish) -> frozenset[int]:
    """The ids that are asked for. A name without a repository becomes -1, which no installation has."""
    ids = {repo.name.lower(): repo.id for repo in server.world.document.repositories}
    return frozenset([*wish.repository_ids, *(ids.get(name.lower(), -1) for name in wish.repositories)])


def _add_deliveries(blueprint: Blueprint, server: GitHubServer, path: str) -> None:
    webhooks = server.world.webhooks

    @blueprint.get(path)
    async def deliveries() -> Response:
        server.check_app()
        return _delivery_page(list(reversed(webhooks.log)))

    @blueprint.get(f"{path}/<int:number>")
    async def show_delivery(number: int) -> Response:
        server.check_app()
        delivery = _load_delivery(server, number)
        sent = {"headers": {"X-GitHub-Event": delivery.event}, "payload": json.loads(delivery.body)}
        answer = {"url": webhooks.url, "request": sent, "response": {"headers": {}, "payload": None}}
        return jsonify(_show_delivery(delivery) | answer)

    @blueprint.post(f"{path}/<int:number>/attempts")
    async def attempts(number: int) -> tuple[Response, int]:
        server.check_app()
        webhooks.redeliver(_load_delivery(server, number).guid)
        return jsonify({}), 202


def _load_delivery(server: GitHubServer, number: int) -> Delivery:
    if (delivery := server.world.webhooks.find(number)) is None:
        raise AnswerError(404, NOT_FOUND)
    return delivery


def _delivery_page(newest_first: list[Delivery]) -> Response:
    """A page of deliveries. Pages have a cursor, not a number, as new deliveries come while one reads."""
    cursor, size = request.args.get("cursor", ""), per_page()
    rows = newest_first
    if cursor:
        if not cursor.removeprefix("v1_").isdecimal():
            raise invalid_field("HookDelivery", "cursor", "cursor is invalid")
        rows = [row for row in rows if row.id <= int(cursor.removeprefix("v1_"))]
    response = jsonify([_show_delivery(row) for row in rows[:size]])
    if len(rows) > size:
        return add_links(response, {"next": {"cursor": f"v1_{rows[size].id}"}})
    return response


def _show_delivery(delivery: Delivery) -> Shape:
    status = delivery.status
    is_ok = status is not None and 200 <= status < 300
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": instant(delivery.at),
        "redelivery": delivery.is_redelivery,
        "duration": 0.1,
        "status": "OK" if is_ok else _FAILED.get(status, f"Invalid HTTP Response: {status}"),
        "status_code": status or 0,
        "event": delivery.event,
        "action": delivery.action or None,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }
