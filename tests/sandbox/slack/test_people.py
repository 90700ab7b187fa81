"""People use a bot made with the real Bolt: what it receives, and what they see."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.model import ImpossibleError
from bot.sandbox.slack.world import SlackWorld
from tests.sandbox.slack.conftest import SECRET, actions, button, form, line, menu, section

ANA, DM = "U0ANA00001", "D0ANA00001"
Body = dict[str, Any]


@pytest.fixture(autouse=True)
async def _slack(slack: AsyncWebClient) -> None:
    """Slack and the bot are up in every test here."""


async def post_card(slack: AsyncWebClient) -> str:
    blocks = [section("Fix billing"), actions(menu("snooze", "hour", "day"), button("Mute", "mute", "7"))]
    return str((await slack.chat_postMessage(channel=ANA, text="Fix billing", blocks=blocks))["ts"])


def answer_commands(bolt: AsyncApp, answer: Any = "") -> list[Body]:
    """Lets the bot answer every command alike; returns where the commands it gets are put."""
    heard: list[Body] = []

    @bolt.command("/snooze")
    async def on_command(ack: AsyncAck, body: Body) -> None:
        heard.append(body)
        await (ack(**answer) if isinstance(answer, dict) else ack(answer))

    return heard


async def test_a_command_is_answered_for_the_eyes_of_one_person(bolt: AsyncApp, world: SlackWorld) -> None:
    answer_commands(bolt, "Snoozed until 11:00")
    reply = await world.run_command("ana", "/snooze", "2h")
    assert (reply.status, reply.in_time, reply.error) == (200, True, None)
    [message] = world.messages_to("ana")
    assert (message.ts, message.text, message.visible_to) == (reply.message_ts, "Snoozed until 11:00", ANA)


async def test_an_answer_with_blocks_is_shown_and_may_be_for_everybody(
    bolt: AsyncApp, world: SlackWorld
) -> None:
    blocks = [section("Snoozed"), actions(button("Undo", "undo"))]
    answer_commands(bolt, {"text": "Snoozed", "blocks": blocks, "response_type": "in_channel"})
    await world.run_command("ana", "/snooze", "2h")
    [message] = world.messages_to("ana")
    assert world.rendered_text(message) == "Snoozed\n[Undo]"
    assert not message.is_ephemeral


async def test_an_answer_that_slack_cannot_show_is_an_error(bolt: AsyncApp, world: SlackWorld) -> None:
    answer_commands(bolt, {"text": "x", "blocks": [section("")]})
    reply = await world.run_command("ana", "/snooze", "2h")
    assert str(reply.error).startswith(
        "invalid_answer: invalid_blocks; [ERROR] must be more than 0 characters"
    )
    assert world.messages_to("ana") == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("cover @ana until friday", "cover <@U0ANA00001|ana> until friday"),
        ("@nobody a@ana.example", "@nobody a@ana.example"),
        ("<!channel> & co", "&lt;!channel&gt; &amp; co"),
        ("https://acme.example/1", "<https://acme.example/1>"),
    ],
)
async def test_typed_text_is_escaped(bolt: AsyncApp, world: SlackWorld, typed: str, sent: str) -> None:
    heard = answer_commands(bolt)
    await world.run_command("ben", "/snooze", typed)
    assert heard[0]["text"] == sent


async def test_requests_are_signed_as_the_sdk_checks_it(bolt: AsyncApp, world: SlackWorld) -> None:
    heard = answer_commands(bolt)
    body = "text=l%C3%B6schen&command=%2Fsnooze"
    assert SignatureVerifier(SECRET).is_valid_request(body, world.sender.sign(body.encode()))
    assert not SignatureVerifier("another").is_valid_request(body, world.sender.sign(body.encode()))
    assert (await world.run_command("ana", "/snooze")).status == 200
    assert len(heard) == 1


async def test_a_click_names_its_button_and_its_answer_can_replace_the_message(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    heard: list[Body] = []

    @bolt.action("snooze")
    async def on_snooze(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        heard.append(body)
        await ack()
        await respond("Snoozed for an hour", replace_original=True)

    ts = await post_card(slack)
    reply = await world.click("ana", ts, "snooze", "hour")
    assert (reply.status, reply.in_time) == (200, True)
    [action] = heard[0]["actions"]
    assert (action["selected_option"]["value"], heard[0]["message"]["ts"]) == ("hour", ts)
    [values] = heard[0]["state"]["values"].values()
    assert values["snooze"]["selected_option"]["value"] == "hour"
    assert [message.text for message in world.messages_to("ana")] == ["Snoozed for an hour"]


async def test_buttons_that_share_an_action_are_distinguished_by_value(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    heard: list[str] = []

    @bolt.action("mute")
    async def on_mute(ack: AsyncAck, action: Body) -> None:
        heard.append(action["value"])
        await ack()

    rows = [actions(button("Mute", "mute", value)) for value in ("7", "8")]
    ts = (await slack.chat_postMessage(channel=ANA, text="x", blocks=rows))["ts"]
    await world.click("ana", ts, "mute", "8")
    assert heard == ["8"]


async def test_nobody_clicks_what_is_not_there(slack: AsyncWebClient, world: SlackWorld) -> None:
    ts = await post_card(slack)
    with pytest.raises(ImpossibleError, match="there is: mute, snooze"):
        await world.click("ana", ts, "open")
    with pytest.raises(ImpossibleError, match="there is: mute, snooze"):
        await world.click("ana", ts, "snooze", "year")
    with pytest.raises(ImpossibleError, match="ben sees no message"):
        await world.click("ben", ts, "mute")
    with pytest.raises(ImpossibleError, match="nobody here is called 'zoe'; there are ana, ben"):
        await world.click("zoe", ts, "mute")


async def test_a_button_with_a_link_reaches_the_bot_as_well(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    @bolt.action("open")
    async def on_open(ack: AsyncAck) -> None:
        await ack()

    row = actions(button("Open", "open", url="https://acme.example/1"))
    ts = (await slack.chat_postMessage(channel=ANA, text="x", blocks=[row]))["ts"]
    assert (await world.click("ana", ts, "open")).url == "https://acme.example/1"


async def test_a_response_url_answers_five_times(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    answers: list[int] = []

    @bolt.action("mute")
    async def on_mute(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        for number in range(6):
            answers.append((await respond(f"Answer {number}", replace_original=False)).status_code)

    await world.click("ana", await post_card(slack), "mute")
    assert answers == [200] * 5 + [404]
    assert [m.text for m in world.messages_to("ana")][1:] == [f"Answer {number}" for number in range(5)]
    assert world.calls[-1].error == "used_url"


async def test_a_response_url_can_take_the_message_away(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    @bolt.action("mute")
    async def on_mute(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond(delete_original=True)

    await world.click("ana", await post_card(slack), "mute")
    assert world.messages_to("ana") == []


async def test_a_button_in_an_ephemeral_answer_can_be_clicked(bolt: AsyncApp, world: SlackWorld) -> None:
    heard: list[Body] = []

    @bolt.action("undo")
    async def on_undo(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        heard.append(body)
        await ack()
        await respond("Undone", replace_original=True)

    answer_commands(
        bolt, {"text": "Snoozed", "blocks": [section("Snoozed"), actions(button("Undo", "undo"))]}
    )
    ts = (await world.run_command("ana", "/snooze", "2h")).message_ts or ""
    await world.click("ana", ts, "undo")
    assert heard[0]["container"]["is_ephemeral"] is True
    assert "message" not in heard[0]
    assert [message.text for message in world.messages_to("ana")] == ["Undone"]


@pytest.fixture
def form_bot(bolt: AsyncApp) -> list[Body]:
    """A command opens a form; the form refuses `never` and closes otherwise. Returns what was filled in."""
    filled: list[Body] = []

    @bolt.command("/ooo")
    async def on_command(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=form(line("until"), notify_on_close=True))
        await ack()

    @bolt.view("ooo")
    async def on_submission(ack: AsyncAck, view: Body) -> None:
        filled.append(view["state"]["values"])
        if view["state"]["values"]["until"]["words"]["value"] == "never":
            await ack(response_action="errors", errors={"until": "A date, please"})
        elif view["state"]["values"]["until"]["words"]["value"] == "maybe":
            await ack(response_action="update", view=form(section("Ask me again")))
        else:
            await ack()

    @bolt.view_closed("ooo")
    async def on_close(ack: AsyncAck) -> None:
        filled.append({"closed": True})
        await ack()

    return filled


async def test_a_form_is_opened_filled_in_and_closed(form_bot: list[Body], world: SlackWorld) -> None:
    await world.run_command("ana", "/ooo")
    [view] = world.modals_of("ana")
    assert world.rendered_view(view) == "== Out of office ==\nUntil: [...]\n[Save]"
    reply = await world.submit_view("ana", view, {"until": "friday"})
    assert (reply.errors, world.modals_of("ana")) == ({}, [])
    assert form_bot[0]["until"]["words"] == {"type": "plain_text_input", "value": "friday"}


async def test_a_form_that_is_refused_stays_open_with_the_reason(
    form_bot: list[Body], world: SlackWorld
) -> None:
    await world.run_command("ana", "/ooo")
    [view] = world.modals_of("ana")
    reply = await world.submit_view("ana", view, {"words": "never"})
    assert reply.errors == {"until": "A date, please"}
    assert world.modals_of("ana") == [view]


async def test_a_form_can_turn_into_another_view(form_bot: list[Body], world: SlackWorld) -> None:
    await world.run_command("ana", "/ooo")
    await world.submit_view("ana", world.modals_of("ana")[0], {"until": "maybe"})
    assert "Ask me again" in world.rendered_view(world.modals_of("ana")[0])


async def test_a_form_cannot_be_sent_half_filled_in(form_bot: list[Body], world: SlackWorld) -> None:
    await world.run_command("ana", "/ooo")
    [view] = world.modals_of("ana")
    with pytest.raises(ImpossibleError, match="please fill in 'until'"):
        await world.submit_view("ana", view, {})
    with pytest.raises(ImpossibleError, match="there is no field from"):
        await world.submit_view("ana", view, {"until": "friday", "from": "monday"})
    with pytest.raises(ImpossibleError, match="ben has no view"):
        await world.submit_view("ben", view, {"until": "friday"})
    assert form_bot == []


async def test_the_bot_is_notified_of_a_cancelled_form(form_bot: list[Body], world: SlackWorld) -> None:
    await world.run_command("ana", "/ooo")
    reply = await world.close_view("ana", world.modals_of("ana")[0])
    assert reply is not None
    assert form_bot == [{"closed": True}]
    assert world.modals_of("ana") == []


async def test_the_home_tab_is_published_when_it_is_looked_at(bolt: AsyncApp, world: SlackWorld) -> None:
    heard: list[Body] = []

    @bolt.event("app_home_opened")
    async def on_home(event: Body, client: AsyncWebClient) -> None:
        blocks = [section("Nothing waits"), actions(button("Pause", "pause"))]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @bolt.action("pause")
    async def on_pause(ack: AsyncAck, body: Body) -> None:
        heard.append(body["container"])
        await ack()

    await world.open_home("ana")
    home = world.home_of("ana")
    assert home is not None
    assert world.rendered_view(home) == "Nothing waits\n[Pause]"
    await world.click_in_view("ana", home, "pause")
    assert heard == [{"type": "view", "view_id": home.id}]


async def test_a_dm_a_changed_profile_and_shortcuts_reach_the_bot(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    heard: list[Any] = []

    @bolt.event("message")
    async def on_message(event: Body) -> None:
        heard.append((event["channel_type"], event["text"], event.get("bot_id")))

    @bolt.event("user_change")
    async def on_change(event: Body) -> None:
        heard.append((event["user"]["id"], event["user"]["tz"]))

    @bolt.shortcut("my_reviews")
    async def on_shortcut(ack: AsyncAck, body: Body) -> None:
        heard.append((body["type"], body.get("message", {}).get("text")))
        await ack()

    await world.send_dm("ana", "snooze 2h")
    await world.change_user("ana", tz="Asia/Tokyo")
    await world.shortcut("ana", "my_reviews")
    await world.shortcut("ana", "my_reviews", await post_card(slack))
    assert heard == [
        ("im", "snooze 2h", None),
        (ANA, "Asia/Tokyo"),
        ("shortcut", None),
        ("message_action", "Fix billing"),
    ]
    assert world.user("ana").tz == "Asia/Tokyo"


async def test_the_bot_gets_events_about_its_own_messages(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    reply = await world.echo(await post_card(slack))
    assert json.loads(reply.sent.body)["event"]["bot_id"] == "B0RIPE0001"
    assert reply.status == 200  # Bolt ignores what the bot itself said


async def test_an_event_can_come_again(bolt: AsyncApp, world: SlackWorld) -> None:
    heard: list[str] = []

    @bolt.event("message")
    async def on_message(body: Body) -> None:
        heard.append(body["event_id"])

    first = await world.send_dm("ana", "hello")
    assert (await world.send_again(first, number=2, reason="http_error")).status == 200
    assert len(heard) == 2
    assert len(set(heard)) == 1


async def test_uninstalling_revokes_the_token_at_once_and_its_events_come_in_any_order(
    bolt: AsyncApp, slack: AsyncWebClient, world: SlackWorld
) -> None:
    replies = await world.uninstall(("tokens_revoked", "app_uninstalled"))
    events = [json.loads(reply.sent.body)["event"]["type"] for reply in replies]
    assert events == ["tokens_revoked", "app_uninstalled"]
    assert world.state.is_revoked
    with pytest.raises(ImpossibleError, match="not installed any more"):
        await world.run_command("ana", "/snooze", "2h")


async def test_the_request_url_is_verified(world: SlackWorld) -> None:
    assert json.loads((await world.verify_url("3eZbrw1aB")).body)["challenge"] == "3eZbrw1aB"


async def test_a_failing_bot_differs_from_one_that_is_gone(world: SlackWorld) -> None:
    unknown = await world.run_command("ana", "/snooze", "2h")  # nobody listens for it
    assert (unknown.status, unknown.error) == (404, "dispatch_failed")
    world.sender.bot_url = "http://127.0.0.1:9"
    gone = await world.run_command("ana", "/snooze", "2h")
    assert (gone.status, gone.error, gone.in_time) == (None, "dispatch_failed", True)


async def test_slack_gives_up_after_three_seconds(bolt: AsyncApp, world: SlackWorld) -> None:
    world.sender.patience = 0.1

    @bolt.command("/snooze")
    async def on_command(ack: AsyncAck) -> None:
        await asyncio.Event().wait()

    reply = await world.run_command("ana", "/snooze", "2h")
    assert (reply.status, reply.in_time, reply.error) == (None, False, "operation_timeout")
    assert "trigger_id" in parse_qs(reply.sent.body)
