"""The local Slack's Socket Mode, met with a bare websocket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from quart import Quart

from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.world import SlackWorld
from bot.web.server import serving
from tests.sandbox.slack.conftest import TOKEN, Clock

APP_TOKEN = "xapp-of-the-local-slack"
WITHIN = aiohttp.ClientTimeout(total=5)


class Bot:
    """A bot that speaks Socket Mode with no library but a websocket."""

    def __init__(self, world: SlackWorld, sockets: Sockets, http: aiohttp.ClientSession) -> None:
        self.world, self.sockets, self.http = world, sockets, http

    async def open(self, token: str = APP_TOKEN) -> dict[str, Any]:
        """Slack's answer to `apps.connections.open`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.world.base_url}/api/apps.connections.open"
        async with self.http.post(url, headers=headers) as answer:
            reply: dict[str, Any] = await answer.json()
            return reply

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        """A new connection that has said hello."""
        connection = await self.http.ws_connect((await self.open())["url"])
        hello = await connection.receive_json(timeout=5)
        assert hello["type"] == "hello"
        return connection


@pytest.fixture
async def bot(clock: Clock) -> AsyncIterator[Bot]:
    world = SlackWorld(clock.now, SecretStr(TOKEN), SecretStr("unused"), "http://127.0.0.1:9")
    world.sender.sockets = sockets = Sockets(SecretStr(APP_TOKEN))
    web = Quart("slack")
    web.register_blueprint(slack_blueprint(world), url_prefix="/slack")
    async with serving(web) as url, aiohttp.ClientSession(timeout=WITHIN) as http:
        world.base_url = f"{url}/slack"
        yield Bot(world, sockets, http)
    await world.close()


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), (TOKEN, "not_allowed_token_type"), ("xapp-another", "invalid_auth")],
)
async def test_only_the_apps_own_token_opens_a_connection(bot: Bot, token: str, error: str) -> None:
    assert (await bot.open(token))["error"] == error


async def test_a_missing_scope_is_named(bot: Bot) -> None:
    bot.sockets.scopes.clear()
    answer = await bot.open()
    assert (answer["error"], answer["needed"]) == ("missing_scope", "connections:write")


async def test_an_address_is_good_once(bot: Bot) -> None:
    url = (await bot.open())["url"]
    await bot.http.ws_connect(url)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await bot.http.ws_connect(url)


async def test_an_act_of_a_person_comes_in_an_envelope_and_its_answer_goes_back(bot: Bot) -> None:
    connection = await bot.connect()
    typing = asyncio.ensure_future(bot.world.run_command("ana", "/ripe", "a=1 + b=ü"))
    envelope = await connection.receive_json(timeout=5)
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    assert (envelope["payload"]["command"], envelope["payload"]["text"]) == ("/ripe", "a=1 + b=ü")
    await connection.send_json({"envelope_id": envelope["envelope_id"], "payload": {"text": "Done."}})
    assert (await typing).is_ok
    assert bot.world.rendered_text(bot.world.messages_to("ana")[-1]) == "Done."


async def test_an_event_comes_again_with_the_number_of_the_try(bot: Bot) -> None:
    bot.world.sender.patience = 0.05
    connection = await bot.connect()
    lost = await bot.world.send_dm("ana", "hello")
    assert lost.error == "operation_timeout"
    first = await connection.receive_json(timeout=5)
    await bot.world.send_again(lost, 2)
    again = await connection.receive_json(timeout=5)
    assert (first["type"], first["retry_attempt"], again["retry_attempt"]) == ("events_api", 0, 2)
    assert first["payload"] == again["payload"]
    assert first["envelope_id"] != again["envelope_id"]


async def test_several_connections_take_turns(bot: Bot) -> None:
    bot.world.sender.patience = 0.05
    connections = [await bot.connect(), await bot.connect()]
    for text in ("one", "two"):
        await bot.world.send_dm("ana", text)
    texts = [
        (await connection.receive_json(timeout=5))["payload"]["event"]["text"] for connection in connections
    ]
    assert {*texts} == {"one", "two"}


async def test_only_the_connection_that_got_an_envelope_can_answer_it(bot: Bot) -> None:
    bot.world.sender.patience = 0.2
    taker = await bot.connect()
    sending = asyncio.ensure_future(bot.world.send_dm("ana", "hello"))
    envelope = await taker.receive_json(timeout=5)
    await (await bot.connect()).send_json({"envelope_id": envelope["envelope_id"]})
    assert (await sending).error == "operation_timeout"


async def test_without_a_connection_nothing_is_sent(bot: Bot) -> None:
    assert (await bot.world.run_command("ana", "/ripe")).error == "dispatch_failed"


async def test_while_socket_mode_is_off_a_connection_ends_with_the_reason(bot: Bot) -> None:
    bot.sockets.is_on = False
    connection = await bot.http.ws_connect((await bot.open())["url"])
    farewell = await connection.receive_json(timeout=5)
    assert (farewell["type"], farewell["reason"]) == ("disconnect", "link_disabled")
    assert (await connection.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
