"""The local Slack's HTTP: the Web API under `/api/`, the response URLs, and control under `/sandbox/`."""

import json
from collections.abc import Callable
from typing import Any

from quart import Blueprint, Response, jsonify, request, url_for
from quart.typing import ResponseReturnValue

from bot.sandbox.slack.answers import use_response_url
from bot.sandbox.slack.control import add_control
from bot.sandbox.slack.disturb import disturb
from bot.sandbox.slack.model import Call, Fault, Json, SlackError
from bot.sandbox.slack.scopes import tell_scopes
from bot.sandbox.slack.web_api import METHODS, call_method
from bot.sandbox.slack.world import SlackWorld

RESPONSE_URL = "response_url"
"""The name under which answers through response URLs are logged, and meet faults."""


def slack_blueprint(world: SlackWorld) -> Blueprint:
    """Slack itself, to be mounted under any prefix; requests to it tell `world` its base URL."""
    blueprint = Blueprint("sandbox_slack", __name__)

    @blueprint.before_request
    async def learn_address() -> None:
        if world.base_url is None:
            world.base_url = url_for(".answer", name="x", _external=True).removesuffix("/response/x")

    @blueprint.route("/api/<method>", methods=["GET", "POST"])
    async def api(method: str) -> ResponseReturnValue:
        if method not in METHODS:
            return _refuse(SlackError("unknown_method", req_method=method))
        return await _serve(world, method, _authorized_call(world, method))

    @blueprint.post("/response/<path:name>")
    async def answer(name: str) -> ResponseReturnValue:
        def respond(given: Json) -> Json:
            use_response_url(world, name, given)
            return {}

        # Unlike methods, these say in the status whether they worked.
        return await _serve(world, RESPONSE_URL, respond, refused=404)

    add_control(blueprint, world)
    return blueprint


def _authorized_call(world: SlackWorld, method: str) -> Callable[[Json], Json]:
    def call(given: Json) -> Json:
        _check_token(world, given)
        tell_scopes(world)
        return call_method(world, method, {name: value for name, value in given.items() if name != "token"})

    return call


def _check_token(world: SlackWorld, given: Json) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # JSON may carry no token; a form or a query may.
    token = token if scheme.lower() == "bearer" else "" if request.is_json else str(given.get("token", ""))
    if not token:
        raise SlackError("not_authed")
    if token != world.bot_token.get_secret_value():
        raise SlackError("invalid_auth")
    if world.state.is_revoked:
        raise SlackError("token_revoked")


async def _serve(world: SlackWorld, method: str, act: Callable[[Json], Json], refused: int = 200) -> Response:
    """Does what is asked for and answers, unless a fault was ordered. `refused`: the status of a no."""
    fault = world.faults.take(method)
    given: Json = {}
    try:
        given = await _read_arguments()
        if fault is not None and fault.moment == "before":
            _log(world, method, given, error=_name(fault), fault=fault)
            return await disturb(fault)
        answer = act(given)
    except SlackError as error:
        _log(world, method, given, error=error.code, fault=fault)
        return _refuse(error, refused)
    _log(world, method, given, error=None, fault=fault)
    # Now: whoever asked may be gone before they get the answer.
    world.save()
    return await disturb(fault) if fault is not None else jsonify({"ok": True, **answer})


def _name(fault: Fault) -> str:
    return f"http_{fault.status}" if fault.kind == "error" else fault.kind


def _log(world: SlackWorld, method: str, given: Json, error: str | None, fault: Fault | None) -> None:
    arguments = {name: value for name, value in given.items() if name != "token"}
    kind = fault.kind if fault else None
    call = Call(method=method, arguments=arguments, at=world.now(), error=error, fault=kind)
    world.calls.append(call)
    world.on_call(call)


async def _read_arguments() -> Json:
    """Query, form or JSON: Slack takes all three. Raises SlackError."""
    given: Json = dict(request.args)
    if request.is_json:
        given |= _read_json(await request.get_data())
    elif request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given |= dict(await request.form)
    elif await request.get_data():
        raise SlackError("invalid_post_type")
    return {name: value for name, value in given.items() if value is not None}


def _read_json(body: bytes | str) -> Json:
    try:
        given: Any = json.loads(body or b"{}")
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(given, dict):
        raise SlackError("json_not_object")
    return given


def _refuse(error: SlackError, status: int = 200) -> Response:
    answer: Json = {"ok": False, "error": error.code, **error.more}
    if error.messages:
        answer["response_metadata"] = {"messages": error.messages}
    response = jsonify(answer)
    response.status_code = status
    return response
