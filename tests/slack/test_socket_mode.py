"""A Socket Mode connection to the local Slack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from quart import Quart
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.clock import Clock
from bot.logs import hide_secrets_in
from bot.model import WorkspaceId
from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.world import SlackWorld
from bot.slack.bolt import SlackApp
from bot.slack.gateway import SlackGateway
from bot.slack.listeners import Body, SlackListeners
from bot.slack.router import WorkspaceRouter
from bot.slack.socket_mode import hearing_slack
from bot.slack.workspaces import ConnectedWorkspace
from bot.web.server import find_free_port, serving

BOT_TOKEN, APP_TOKEN = "xoxb-of-the-bot", SecretStr("xapp-of-the-app")
WITHIN = 10.0


class OneWorkspace(WorkspaceRouter):
    """Serves every team alike, without a database."""

    def __init__(self) -> None:
        self._slack = SlackGateway(SecretStr(BOT_TOKEN), "http://127.0.0.1:9")

    async def find(self, team_id: str) -> ConnectedWorkspace:
        return ConnectedWorkspace(WorkspaceId(1), self._slack)

    async def finish(self) -> None:
        """Looks nothing up."""


class SlowListeners(SlackListeners):
    """Listeners that answer a command once the test lets them."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.is_broken = False
        self.answered = 0

    async def finish(self) -> None:
        """Nothing is sent later."""

    async def on_command(self, ack: AsyncAck, body: Body, workspace: ConnectedWorkspace) -> None:
        self.asked.set()
        await self.may_answer.wait()
        self.answered += 1
        await ack(text=f"Heard {body['text']}.")

    async def on_event(self, body: Body, event: Body, workspace: ConnectedWorkspace) -> None:
        if self.is_broken:
            raise RuntimeError("a mistake of ours")
        self.answered += 1


class Scene:
    """The local Slack, the listeners that answer its people, and the connection between them."""

    def __init__(self, slack: SlackWorld, sockets: Sockets, port: int) -> None:
        self.slack, self.sockets, self.listeners = slack, sockets, SlowListeners()
        self._port = port

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[None]:
        """Runs Slack and the bot, connected."""
        async with self.served(), self.running():
            await self.connected()
            yield

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the bot."""
        api_url = f"{self.slack.base_url}/api/"
        app = SlackApp(OneWorkspace(), self.listeners)
        async with hearing_slack(app, APP_TOKEN, api_url, ping_every=0.1):
            yield

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Runs Slack. At the end its connections break without a closing frame."""
        web = Quart("slack")
        web.register_blueprint(slack_blueprint(self.slack), url_prefix="/slack")
        async with serving(web, port=self._port):
            yield
        self.sockets.drop()

    async def connected(self) -> None:
        await asyncio.wait_for(self.sockets.connected.wait(), WITHIN)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    port = find_free_port("127.0.0.1")
    slack = SlackWorld(Clock().now, SecretStr(BOT_TOKEN), SecretStr("unused"), "http://127.0.0.1:9")
    slack.sender.sockets = sockets = Sockets(APP_TOKEN)
    slack.base_url = f"http://127.0.0.1:{port}/slack"
    yield Scene(slack, sockets, port)
    await slack.close()


async def test_nothing_is_acknowledged_before_it_is_done(scene: Scene) -> None:
    async with scene.heard():
        command = asyncio.ensure_future(scene.slack.run_command("ana", "/ripe", "hello"))
        await asyncio.wait_for(scene.listeners.asked.wait(), WITHIN)
        assert not command.done()
        scene.listeners.may_answer.set()
        reply = await command
    assert reply.is_ok
    assert scene.slack.rendered_text(scene.slack.messages_to("ana")[-1]) == "Heard hello."


async def test_a_request_in_progress_is_finished_and_acknowledged_when_the_bot_stops(scene: Scene) -> None:
    async with scene.heard():
        command = asyncio.ensure_future(scene.slack.run_command("ana", "/ripe", "hello"))
        await asyncio.wait_for(scene.listeners.asked.wait(), WITHIN)
        # This is due after the block has ended and the bot is stopping.
        asyncio.get_running_loop().call_later(0.2, scene.listeners.may_answer.set)
    assert scene.listeners.answered == 1
    assert (await command).is_ok
    assert not scene.sockets.connected.is_set()


async def test_a_request_that_arrives_while_the_bot_stops_is_left_to_others(scene: Scene) -> None:
    async with scene.heard():
        first = asyncio.ensure_future(scene.slack.run_command("ana", "/ripe", "one"))
        await asyncio.wait_for(scene.listeners.asked.wait(), WITHIN)
        loop = asyncio.get_running_loop()
        second = loop.create_future()
        loop.call_later(0.1, lambda: _ask(scene, second))
        loop.call_later(0.3, scene.listeners.may_answer.set)
    assert (await first).is_ok
    assert await second == "dispatch_failed"
    assert scene.listeners.answered == 1


def _ask(scene: Scene, answer: "asyncio.Future[str | None]") -> None:
    typed = asyncio.ensure_future(scene.slack.run_command("ana", "/ripe", "two"))
    typed.add_done_callback(lambda done: answer.set_result(done.result().error))


async def test_an_event_whose_listener_failed_is_not_acknowledged(scene: Scene) -> None:
    scene.listeners.is_broken = True
    scene.slack.sender.patience = 0.2
    async with scene.heard():
        reply = await scene.slack.send_dm("ana", "snooze 2h")
        assert reply.error == "operation_timeout"
        scene.listeners.is_broken = False
        assert (await scene.slack.send_again(reply)).is_ok
    assert scene.listeners.answered == 1


async def test_an_address_that_was_refused_is_replaced_by_a_fresh_one(scene: Scene) -> None:
    scene.sockets.refuse_next = 1
    async with scene.heard():
        calls = [call for call in scene.slack.calls if call.method == "apps.connections.open"]
        assert len(calls) == 2


async def test_the_bot_starts_while_slack_is_away_and_outlives_it(scene: Scene) -> None:
    scene.listeners.may_answer.set()
    async with scene.running():
        for _ in range(2):
            async with scene.served():
                await scene.connected()
                assert (await scene.slack.run_command("ana", "/ripe", "hello")).is_ok
    assert scene.listeners.answered == 2


async def test_socket_mode_that_is_off_is_logged_and_retried_slowly(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.sockets.is_on = False
    switching = asyncio.get_running_loop().call_later(0.5, setattr, scene.sockets, "is_on", True)
    async with scene.heard():
        assert switching.when() < asyncio.get_running_loop().time()
        calls = [call for call in scene.slack.calls if call.method == "apps.connections.open"]
        assert 2 <= len(calls) <= 8


async def test_texts_and_secret_addresses_are_in_no_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    scene.sockets.refuse_next = 1
    async with scene.heard():
        await scene.slack.send_dm("ana", "rosebud")
    log_text = hide_secrets_in("\n".join(r.getMessage() for r in caplog.records if "sdk" in r.name))
    assert "Invalid response status" in log_text
    assert "Traceback" not in caplog.text
    for secret in (APP_TOKEN.get_secret_value(), *scene.sockets.spent, "rosebud"):
        assert secret not in log_text
