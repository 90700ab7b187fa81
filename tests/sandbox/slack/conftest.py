"""A local Slack with its people, over real HTTP, and beside it a small bot made with Bolt."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from quart import Quart, Response, request
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.world import SlackWorld
from bot.web.server import find_free_port, serving

TOKEN = "xoxb-of-the-local-slack"
SECRET = "signing-secret-of-the-local-slack"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Clock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self.instant = MONDAY

    def now(self) -> datetime:
        return self.instant

    def move(self, by: timedelta) -> None:
        self.instant += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def port() -> int:
    return find_free_port("127.0.0.1")


@pytest.fixture
def world(clock: Clock, port: int) -> SlackWorld:
    return SlackWorld(clock.now, SecretStr(TOKEN), SecretStr(SECRET), f"http://127.0.0.1:{port}")


@pytest.fixture
async def slack(world: SlackWorld, port: int, bolt: AsyncApp) -> AsyncIterator[AsyncWebClient]:
    """The real client. Slack and the bot share one server here."""
    app = Quart("local")
    app.register_blueprint(slack_blueprint(world), url_prefix="/slack")

    @app.post("/slack/events")
    async def events() -> Response:
        body = str(await request.get_data(as_text=True))
        answer = await bolt.async_dispatch(AsyncBoltRequest(body=body, headers=dict(request.headers)))
        return Response(answer.body, status=answer.status, headers=answer.first_headers())

    async with serving(app, port=port) as url:
        world.base_url = f"{url}/slack"
        yield make_client(port)
    await world.close()


@pytest.fixture
def bolt(port: int) -> AsyncApp:
    """The real framework, which checks every signature and knows nothing of a sandbox."""
    return AsyncApp(client=make_client(port), signing_secret=SECRET, process_before_response=True)


def make_client(port: int, token: str = TOKEN) -> AsyncWebClient:
    return AsyncWebClient(token, base_url=f"http://127.0.0.1:{port}/slack/api/", retry_handlers=[])


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, **more}}


def button(label: str, action_id: str, value: object = "1", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(label), "action_id": action_id, "value": value, **more}


def menu(action_id: str, *values: str) -> dict[str, Any]:
    options = [{"text": plain(value.title()), "value": value} for value in values]
    return {
        "type": "static_select",
        "action_id": action_id,
        "placeholder": plain("Snooze"),
        "options": options,
    }


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def form(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    view = {
        "type": "modal",
        "title": plain("Out of office"),
        "submit": plain("Save"),
        "blocks": list(blocks),
    }
    return {**view, "callback_id": "ooo", **more}


def line(block_id: str, **more: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "words"}
    return {"type": "input", "block_id": block_id, "label": plain("Until"), "element": element, **more}
