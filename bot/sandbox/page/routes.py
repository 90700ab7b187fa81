"""The sandbox's page: a pull request, the decision about it, and the reviewer's Slack, side by side."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError
from quart import Blueprint, Response, jsonify, render_template, request

from bot.app import App
from bot.clock import move_clock
from bot.encryption import tls_context
from bot.sandbox.github.operations import ON_PULLS
from bot.sandbox.page.state import load_page, working_hours_from_now
from bot.web.origin import guard_sandbox_changes

log = structlog.get_logger()

ANSWERS_WITHIN = 10.0
"""Seconds for the sandbox's process, which itself waits 3 s for the bot, as Slack does."""
ON_GITHUB = frozenset({"open_pull_request", *ON_PULLS})
IN_SLACK = frozenset({"click", "command", "submit", "close", "dm", "home"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

Answer = tuple[Response, int]


class WorkingTime(BaseModel):
    """The body of `/page/working-hours`: how many working hours of a person shall pass."""

    slack_user_id: str
    hours: float = Field(gt=0, le=40)


def page_blueprint(app: App, sandbox_url: str) -> Blueprint:
    """`GET /`, and the routes of its script under `/page/`. Only the sandbox has them."""
    blueprint = Blueprint(
        "page", __name__, template_folder="templates", static_folder="static", static_url_path="/page/static"
    )
    client = httpx.AsyncClient(
        base_url=sandbox_url, timeout=ANSWERS_WITHIN, trust_env=False, verify=tls_context()
    )
    guard_sandbox_changes(blueprint)
    _add_page(blueprint, app, client)
    _add_orders(blueprint, client)
    _add_clock(blueprint, app, client)
    _add_events(blueprint, client)

    @blueprint.after_request
    async def protect(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @blueprint.errorhandler(httpx.TransportError)
    async def away(_: httpx.TransportError) -> Answer:
        return jsonify({"error": "The sandbox does not answer. Is it still starting?"}), 503

    @blueprint.errorhandler(ValidationError)
    async def invalid(error: ValidationError) -> Answer:
        return jsonify({"error": error.errors(include_url=False, include_input=False)}), 400

    @blueprint.after_app_serving
    async def finish() -> None:
        await client.aclose()

    return blueprint


def _add_page(blueprint: Blueprint, app: App, client: httpx.AsyncClient) -> None:
    @blueprint.get("/")
    async def page() -> str:
        try:
            state: dict[str, Any] | None = await load_page(app, await _load_snapshot(client))
        except httpx.TransportError:
            # All processes start at once: the script asks again until the sandbox answers.
            state = None
        return await render_template("page.html", state=state)

    @blueprint.get("/page/state")
    async def state() -> Response:
        return jsonify(await load_page(app, await _load_snapshot(client)))


async def _load_snapshot(client: httpx.AsyncClient) -> dict[str, Any]:
    snapshot: dict[str, Any] = (await client.get("/sandbox/shown")).raise_for_status().json()
    return snapshot


def _add_orders(blueprint: Blueprint, client: httpx.AsyncClient) -> None:
    @blueprint.post("/page/github/<operation>")
    async def on_github(operation: str) -> Answer:
        if operation not in ON_GITHUB:
            return jsonify({"error": f"nothing here is called {operation}"}), 404
        return await _order(client, f"/sandbox/github/{operation}")

    @blueprint.post("/page/slack/<act>")
    async def in_slack(act: str) -> Answer:
        if act not in IN_SLACK:
            return jsonify({"error": f"nothing here is called {act}"}), 404
        return await _order(client, f"/slack/sandbox/{act}")


async def _order(client: httpx.AsyncClient, path: str) -> Answer:
    """Pass an order on to the sandbox, which checks it."""
    body = await request.get_data(as_text=False)
    answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    return jsonify(_read(answer)), answer.status_code


def _read(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except json.JSONDecodeError:
        return {"error": "the sandbox made a mistake"}


def _add_clock(blueprint: Blueprint, app: App, client: httpx.AsyncClient) -> None:
    @blueprint.post("/page/working-hours")
    async def pass_working_time() -> Answer:
        wanted = WorkingTime.model_validate_json(await request.get_data(as_text=False))
        people = (await _load_snapshot(client))["people"]
        user = next((person for person in people if person["id"] == wanted.slack_user_id), None)
        if user is None:
            return jsonify({"error": f"nobody in Slack is {wanted.slack_user_id}"}), 404
        ahead = await working_hours_from_now(app, user, wanted.hours)
        if ahead is None:
            return jsonify({"error": "there is no working time in the next three years"}), 422
        app.clock.shift = await move_clock(app.database, ahead)
        return jsonify({"now": app.clock.now().isoformat()}), 200


def _add_events(blueprint: Blueprint, client: httpx.AsyncClient) -> None:
    @blueprint.get("/page/events")
    async def events() -> Response:
        last_id = request.headers.get("Last-Event-ID", "")
        response = Response(_follow(client, last_id), mimetype="text/event-stream")
        response.timeout = None
        return response


async def _follow(client: httpx.AsyncClient, last_id: str) -> AsyncIterator[bytes]:
    """The sandbox's news, until it ends the answer. The browser then asks again."""
    try:
        headers = {"Last-Event-ID": last_id}
        async with client.stream("GET", "/sandbox/news", headers=headers, timeout=None) as answer:
            async for chunk in answer.aiter_raw():
                yield chunk
    except httpx.TransportError as error:
        log.info("the sandbox's news ended", reason=str(error))
        yield b"retry: 1000\n\n"
