"""The local Slack's HTTP: the Web API under `/api/`, the response URLs, and control under `/sandbox/`."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from quart import Blueprint, Response, jsonify, request, url_for
from quart.typing import ResponseReturnValue

from bot.sandbox.slack.answers import use_response_url
from bot.sandbox.slack.control import add_control
from bot.sandbox.slack.disturb import disturb
from bot.sandbox.slack.model import Call, Fault, Json, MethodError
from bot.sandbox.slack.oauth import OAuth, add_oauth
from bot.sandbox.slack.scopes import add_scopes_header
from bot.sandbox.slack.socket_mode import Sockets, add_socket_mode
from bot.sandbox.slack.web_api import METHODS, call_method
from bot.sandbox.slack.world import SlackWorld

SECRET_ARGUMENTS = frozenset({"token", "code"})
OAUTH_ACCESS = "oauth.v2.access"
CONNECTIONS_OPEN = "apps.connections.open"
RESPONSE_URL = "response_url"
"""The name of a response URL in the log of calls and in faults, as if it were a method."""


def slack_blueprint(world: SlackWorld, oauth: OAuth | None = None) -> Blueprint:
    """Slack, to be mounted under any prefix. `world` learns its base URL from the first request.

    With `oauth` it serves every workspace in which that app may be installed. Control acts in `world` only.
    """
    blueprint = Blueprint("sandbox_slack", __name__)
    worlds = oauth.worlds if oauth is not None else [world]

    @blueprint.before_request
    async def learn_address() -> None:
        for served in worlds:
            served.base_url = served.base_url or url_for(".answer", name="x", _external=True).removesuffix(
                "/response/x"
            )

    @blueprint.route("/api/<method>", methods=["GET", "POST"])
    async def api(method: str) -> ResponseReturnValue:
        if method not in METHODS:
            return _refuse(MethodError("unknown_method", req_method=method))
        called = _by_token(worlds, await _find_token()) or world
        return await _serve(called, method, _authorized_call(called, method))

    @blueprint.post("/response/<path:name>")
    async def answer(name: str) -> ResponseReturnValue:
        called = next((other for other in worlds if name.startswith(f"{other.state.team_id}/")), world)

        def respond(given: Json) -> Json:
            use_response_url(called, name, given)
            return {}

        # Unlike methods, response URLs report an error in the status.
        return await _serve(called, RESPONSE_URL, respond, refused=404)

    add_control(blueprint, world)
    if oauth is not None:
        add_oauth(blueprint, oauth)
        _add_access(blueprint, world, oauth)
    _add_connections(blueprint, world, world.sender.sockets)
    return blueprint


def _add_access(blueprint: Blueprint, world: SlackWorld, oauth: OAuth) -> None:
    def exchange(given: Json) -> Json:
        basic = request.authorization
        client_id, secret = (basic.username, basic.password) if basic else ("", "")
        return oauth.exchange(client_id or "", secret or "", given)

    @blueprint.post(f"/api/{OAUTH_ACCESS}")
    async def access() -> ResponseReturnValue:
        return await _serve(world, OAUTH_ACCESS, exchange)


def _add_connections(blueprint: Blueprint, world: SlackWorld, sockets: Sockets | None) -> None:
    if sockets is None:
        return
    add_socket_mode(blueprint, sockets)

    def connect(given: Json) -> Json:
        return sockets.open(_read_token(given), world.base_url or "")

    @blueprint.post(f"/api/{CONNECTIONS_OPEN}")
    async def open_connection() -> ResponseReturnValue:
        return await _serve(world, CONNECTIONS_OPEN, connect)


def _by_token(worlds: Sequence[SlackWorld], token: str) -> SlackWorld | None:
    return next((world for world in worlds if world.bot_token.get_secret_value() == token), None)


def _authorized_call(world: SlackWorld, method: str) -> Callable[[Json], Json]:
    def call(given: Json) -> Json:
        _check_token(world, given)
        add_scopes_header(world)
        return call_method(world, method, {name: value for name, value in given.items() if name != "token"})

    return call


async def _find_token() -> str:
    return _read_token({} if request.is_json else {**request.args, **await request.form})


def _read_token(given: Json) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # A form or a query may carry the token; JSON may not.
    return token if scheme.lower() == "bearer" else "" if request.is_json else str(given.get("token", ""))


def _check_token(world: SlackWorld, given: Json) -> None:
    token = _read_token(given)
    if not token:
        raise MethodError("not_authed")
    if token != world.bot_token.get_secret_value():
        raise MethodError("invalid_auth")
    if world.state.is_revoked:
        raise MethodError("token_revoked")


async def _serve(world: SlackWorld, method: str, act: Callable[[Json], Json], refused: int = 200) -> Response:
    """Carry out the call and answer, unless a fault was ordered. `refused` is the status of an error."""
    fault = world.faults.take(method)
    given: Json = {}
    try:
        given = await _read_arguments()
        if fault is not None and fault.moment == "before":
            _log(world, method, given, error=_name(fault), fault=fault)
            return await disturb(fault)
        answer = act(given)
    except MethodError as error:
        _log(world, method, given, error=error.code, fault=fault)
        return _refuse(error, refused)
    _log(world, method, given, error=None, fault=fault)
    # Before the answer: the caller may be gone by then.
    world.save()
    return await disturb(fault) if fault is not None else jsonify({"ok": True, **answer})


def _name(fault: Fault) -> str:
    if fault.kind == "refused":
        return fault.code
    return f"http_{fault.status}" if fault.kind == "error" else fault.kind


def _log(world: SlackWorld, method: str, given: Json, error: str | None, fault: Fault | None) -> None:
    arguments = {name: value for name, value in given.items() if name not in SECRET_ARGUMENTS}
    kind = fault.kind if fault else None
    call = Call(method=method, arguments=arguments, at=world.now(), error=error, fault=kind)
    world.calls.append(call)
    world.on_call(call)


async def _read_arguments() -> Json:
    """Query, form or JSON: Slack takes all three. Raises MethodError."""
    given: Json = dict(request.args)
    if request.is_json:
        given |= _read_json(await request.get_data())
    elif request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given |= dict(await request.form)
    elif await request.get_data():
        raise MethodError("invalid_post_type")
    return {name: value for name, value in given.items() if value is not None}


def _read_json(body: bytes | str) -> Json:
    try:
        given: Any = json.loads(body or b"{}")
    except ValueError:
        raise MethodError("invalid_json") from None
    if not isinstance(given, dict):
        raise MethodError("json_not_object")
    return given


def _refuse(error: MethodError, status: int = 200) -> Response:
    answer: Json = {"ok": False, "error": error.code, **error.more}
    if error.messages:
        answer["response_metadata"] = {"messages": error.messages}
    response = jsonify(answer)
    response.status_code = status
    return response
