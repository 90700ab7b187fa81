"""The JSON routes by which others act in the local Slack."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.encryption import tls_context
from bot.sandbox.slack.world import SlackWorld
from tests.sandbox.slack.conftest import actions, button, form, line, section

ANA = "U0ANA00001"


@pytest.fixture
async def control(slack: AsyncWebClient, port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/slack/sandbox/", verify=tls_context()
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def _bot(bolt: AsyncApp) -> None:
    """A bot that says what it heard."""

    @bolt.command("/snooze")
    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack(f"Snoozed {body['text']}")

    @bolt.action("mute")
    @bolt.shortcut("my_reviews")
    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        view = form(line("until"))
        await client.views_open(trigger_id=body["trigger_id"], view=view)
        await ack()

    @bolt.view("ooo")
    async def on_submission(ack: AsyncAck) -> None:
        await ack()

    @bolt.event("message")
    @bolt.event("app_home_opened")
    async def on_event() -> None:
        return None


async def test_a_command_is_run_and_its_answer_shown(control: httpx.AsyncClient) -> None:
    answer = (await control.post("command", json={"user": "ana", "command": "/snooze", "text": "2h"})).json()
    assert (answer["status"], answer["in_time"], answer["shown"]) == (200, True, "Snoozed 2h")


async def test_a_button_is_clicked_and_the_form_behind_it_submitted(
    control: httpx.AsyncClient, slack: AsyncWebClient, world: SlackWorld
) -> None:
    blocks = [section("Fix billing"), actions(button("Mute", "mute"))]
    ts = (await slack.chat_postMessage(channel=ANA, text="x", blocks=blocks))["ts"]
    clicked = await control.post("click", json={"user": "ana", "message_ts": ts, "action_id": "mute"})
    assert clicked.json()["status"] == 200
    [view] = world.modals_of("ana")
    values = {"until": "friday"}
    await control.post("submit", json={"user": "ana", "view_id": view.id, "values": values})
    assert world.modals_of("ana") == []


@pytest.mark.parametrize(
    ("act", "given"),
    [
        ("dm", {"user": "ana", "text": "hello"}),
        ("home", {"user": "ana"}),
        ("shortcut", {"user": "ana", "callback_id": "my_reviews"}),
    ],
)
async def test_other_acts_reach_the_bot(control: httpx.AsyncClient, act: str, given: dict[str, Any]) -> None:
    answer = await control.post(act, json=given)
    assert (answer.status_code, answer.json()["status"]) == (200, 200)


async def test_a_fault_is_ordered(control: httpx.AsyncClient, port: int) -> None:
    await control.post("faults", json={"method": "auth.test", "kind": "ratelimited", "retry_after": 7})
    answer = await control.post(f"http://127.0.0.1:{port}/slack/api/auth.test")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


async def test_the_state_shows_what_everybody_sees(control: httpx.AsyncClient, slack: AsyncWebClient) -> None:
    blocks = [section("*Fix* billing"), actions(button("Open", "open"))]
    await slack.chat_postMessage(channel=ANA, text="x", blocks=blocks)
    state = (await control.get("state")).json()
    [dm] = state["dms"]
    assert (dm["user"], dm["messages"][0]["rendered"]) == ("ana", "Fix billing\n[Open]")
    assert [user["name"] for user in state["users"]][:2] == ["ana", "ben"]
    assert state["calls"][-1]["method"] == "chat.postMessage"


@pytest.mark.parametrize(
    ("act", "given", "message"),
    [
        ("click", {"user": "ana", "action_id": "mute"}, "message_ts or view_id is missing"),
        ("click", {"user": "ana", "message_ts": "1.1", "action_id": "mute"}, "ana sees no message 1.1"),
        ("command", {"user": "zoe", "command": "/snooze"}, "nobody here is called 'zoe'"),
        ("command", {"user": "ana"}, "missing required field: command"),
        ("dm", {"user": "ana", "text": "x", "colour": "red"}, "invalid additional property: colour"),
        ("faults", {"method": "auth.test", "kind": "explode"}, "[json-pointer:/kind]"),
    ],
)
async def test_an_impossible_act_is_a_clear_400(
    control: httpx.AsyncClient, act: str, given: dict[str, Any], message: str
) -> None:
    answer = await control.post(act, json=given)
    assert answer.status_code == 400
    assert message in answer.json()["errors"][0]


async def test_a_page_from_elsewhere_cannot_act(control: httpx.AsyncClient, world: SlackWorld) -> None:
    answer = await control.post("dm", content='{"user": "ana", "text": "x"}')
    assert answer.status_code == 400
    assert world.messages_to("ana") == []
