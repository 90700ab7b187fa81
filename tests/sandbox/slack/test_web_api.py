"""The real client against the local Slack: what works, and every way in which it says no."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from freezegun import freeze_time
from pydantic import SecretStr
from quart import Quart
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.encryption import tls_context
from bot.sandbox.slack.model import Message
from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.world import SlackWorld
from bot.web.server import serving
from jobq import utc_now
from tests.sandbox.slack.conftest import (
    MONDAY,
    SECRET,
    TOKEN,
    Clock,
    actions,
    button,
    form,
    line,
    make_client,
    plain,
    section,
)

ANA, BEN, BOT, DM = "U0ANA00001", "U0BEN00001", "U0RIPE0BOT", "D0ANA00001"


async def refusal(slack: AsyncWebClient, method: str, **given: Any) -> dict[str, Any]:
    """Slack's answer to a call that it refuses."""
    with pytest.raises(SlackApiError) as refused:
        await slack.api_call(method, json=given)
    answer: dict[str, Any] = refused.value.response.data
    return answer


async def post(slack: AsyncWebClient, text: str = "hello", **more: Any) -> str:
    return str((await slack.chat_postMessage(channel=ANA, text=text, **more))["ts"])


async def test_the_client_learns_who_it_is(slack: AsyncWebClient) -> None:
    answer = await slack.auth_test()
    assert (answer["user_id"], answer["team_id"]) == (BOT, "T0ACME0001")


async def test_a_dm_is_opened_posted_to_and_read(slack: AsyncWebClient, world: SlackWorld) -> None:
    channel = (await slack.conversations_open(users=[ANA]))["channel"]["id"]
    answer = await slack.chat_postMessage(
        channel=channel,
        text="Review *this*",
        blocks=[section("Review *this*"), actions(button("Open", "open"))],
    )
    [message] = world.messages_to("ana")
    assert answer["ts"] == message.ts == "1795424400.000000"
    assert world.rendered_text(message) == "Review this\n[Open]"
    assert world.messages_to("ben") == []


async def test_every_message_has_a_ts_of_its_own_while_the_clock_stands_still(slack: AsyncWebClient) -> None:
    stamps = [await post(slack) for _ in range(5)]
    assert len(set(stamps)) == 5
    assert stamps == sorted(stamps)


async def test_a_dm_that_is_open_is_not_opened_again(slack: AsyncWebClient) -> None:
    first = await slack.conversations_open(users=ANA)
    again = await slack.conversations_open(users=ANA, return_im=True)
    assert ("already_open" in first.data, again["already_open"]) == (False, True)
    assert again["channel"]["user"] == ANA
    assert again["channel"]["id"] == first["channel"]["id"]


async def test_blocks_and_metadata_may_come_as_json_in_a_form(port: int, slack: AsyncWebClient) -> None:
    form = {
        "token": TOKEN,
        "channel": ANA,
        "blocks": '[{"type": "divider"}]',
        "metadata": '{"event_type": "e", "event_payload": {"key": "k"}}',
        "unfurl_links": "false",
    }
    async with httpx.AsyncClient(verify=tls_context()) as client:
        answer = (await client.post(f"http://127.0.0.1:{port}/slack/api/chat.postMessage", data=form)).json()
    assert answer["ok"], answer
    assert answer["message"]["metadata"]["event_payload"] == {"key": "k"}


async def test_history_shows_metadata_only_when_asked(slack: AsyncWebClient) -> None:
    await post(slack, metadata={"event_type": "reminder", "event_payload": {"key": "7"}})
    silent = await slack.conversations_history(channel=DM)
    asked = await slack.conversations_history(channel=DM, include_all_metadata=True)
    assert "metadata" not in silent["messages"][0]
    assert asked["messages"][0]["metadata"] == {"event_type": "reminder", "event_payload": {"key": "7"}}


async def test_history_comes_in_pages_newest_first(slack: AsyncWebClient) -> None:
    for number in range(5):
        await post(slack, str(number))
    read, cursor = [], None
    while True:
        page = await slack.conversations_history(channel=DM, limit=2, cursor=cursor)
        read += [message["text"] for message in page["messages"]]
        if not page["has_more"]:
            break
        cursor = page["response_metadata"]["next_cursor"]
    assert read == ["4", "3", "2", "1", "0"]


async def test_history_excludes_its_bounds_unless_they_are_asked_for(
    slack: AsyncWebClient, clock: Clock
) -> None:
    first = await post(slack, "first")
    clock.move(timedelta(minutes=5))
    last = await post(slack, "last")

    async def read(**bounds: Any) -> list[str]:
        history = await slack.conversations_history(channel=DM, **bounds)
        return [message["text"] for message in history["messages"]]

    assert await read(oldest=first) == ["last"]
    assert await read(oldest=first, inclusive=True) == ["last", "first"]
    assert await read(latest=last) == ["first"]
    assert await read(oldest=f"{MONDAY.timestamp() + 1:.6f}") == ["last"]


async def test_an_edit_replaces_text_and_blocks(slack: AsyncWebClient, world: SlackWorld) -> None:
    ts = await post(slack, blocks=[section("old")])
    await slack.chat_update(channel=DM, ts=ts, text="new", blocks=[section("new")])
    assert [world.rendered_text(message) for message in world.messages_to("ana")] == ["new"]


async def test_an_edit_of_the_text_alone_takes_the_blocks_away(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    ts = await post(slack, blocks=[section("old")])
    await slack.chat_update(channel=DM, ts=ts, text="only text")
    [message] = world.messages_to("ana")
    assert (message.blocks, message.edited_ts is not None) == ([], True)


async def test_a_deleted_message_is_gone(slack: AsyncWebClient, world: SlackWorld) -> None:
    ts = await post(slack)
    await slack.chat_delete(channel=DM, ts=ts)
    assert world.messages_to("ana") == []
    assert (await refusal(slack, "chat.update", channel=DM, ts=ts, text="x"))["error"] == "message_not_found"


async def test_an_ephemeral_message_is_seen_but_never_found_again(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    await slack.conversations_open(users=ANA)
    ts = (await slack.chat_postEphemeral(channel=DM, user=ANA, text="psst"))["message_ts"]
    assert [message.text for message in world.messages_to("ana")] == ["psst"]
    assert (await slack.conversations_history(channel=DM))["messages"] == []
    assert (await refusal(slack, "chat.update", channel=DM, ts=ts, text="x"))["error"] == "message_not_found"


async def test_people_are_found_by_id_and_by_address(slack: AsyncWebClient) -> None:
    eli = (await slack.users_lookupByEmail(email="Eli@acme.example"))["user"]
    assert (eli["name"], eli["tz"], eli["tz_offset"]) == ("eli", "Asia/Tokyo", 9 * 3600)
    assert (await slack.users_info(user=eli["id"]))["user"]["profile"]["email"] == "eli@acme.example"


async def test_people_are_listed_in_pages(slack: AsyncWebClient) -> None:
    names = [user["name"] async for page in await slack.users_list(limit=3) for user in page["members"]]
    assert names == ["ana", "ben", "cho", "dev", "eli", "olga", "ripe"]


async def test_an_owner_is_marked_as_owner(slack: AsyncWebClient) -> None:
    olga = (await slack.users_lookupByEmail(email="olga@acme.example"))["user"]
    assert (olga["is_admin"], olga["is_owner"]) == (True, True)


async def test_a_long_text_is_cut_as_slack_cuts_it(slack: AsyncWebClient, world: SlackWorld) -> None:
    await post(slack, "x" * 50_000)
    assert len(world.messages_to("ana")[0].text) == 40_000


@pytest.mark.parametrize(
    ("method", "given", "error"),
    [
        ("chat.postMessage", {"channel": "C404", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": ANA}, "no_text"),
        ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": ANA, "text": 5}, "invalid_arguments"),
        ("chat.postMessage", {"channel": ANA, "text": "x", "colour": "red"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": ANA, "blocks": [{"type": "foo"}]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": ANA, "blocks": "[{"}, "invalid_blocks_format"),
        (
            "chat.postMessage",
            {"channel": ANA, "text": "x", "metadata": {"key": 1}},
            "invalid_metadata_format",
        ),
        (
            "chat.postMessage",
            {
                "channel": ANA,
                "text": "x",
                "metadata": {"event_type": "e", "event_payload": {"k": "x" * 16_000}},
            },
            "metadata_too_large",
        ),
        ("chat.update", {"channel": ANA, "ts": "1.1", "text": "x"}, "channel_not_found"),
        ("chat.update", {"channel": "D0BEN00001", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": "D0BEN00001", "ts": "yesterday", "text": "x"}, "invalid_arguments"),
        ("chat.update", {"channel": "D0BEN00001", "ts": "1.000000", "text": "x"}, "cant_update_message"),
        ("chat.delete", {"channel": "D0BEN00001", "ts": "1.000000"}, "cant_delete_message"),
        ("chat.postEphemeral", {"channel": "D0BEN00001", "user": ANA, "text": "x"}, "user_not_in_channel"),
        ("conversations.open", {"users": "U404"}, "user_not_found"),
        ("conversations.open", {"users": BOT}, "cannot_dm_bot"),
        ("conversations.open", {"users": f"{ANA},{BEN}"}, "missing_scope"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.history", {"channel": "D404"}, "channel_not_found"),
        ("conversations.history", {"channel": "D0BEN00001", "cursor": "?"}, "invalid_cursor"),
        ("conversations.history", {"channel": "D0BEN00001", "limit": 1000}, "invalid_arguments"),
        ("users.info", {"user": "U404"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "nobody@acme.example"}, "users_not_found"),
        ("views.open", {"trigger_id": "1.2.3", "view": form(line("until"))}, "invalid_trigger_id"),
        (
            "views.open",
            {"trigger_id": "1.2.3", "view": form(line("until"), title=plain("x" * 25))},
            "invalid_arguments",
        ),
        ("views.update", {"view_id": "V404", "view": form(line("until"))}, "not_found"),
        ("views.publish", {"user_id": ANA, "view": form(line("until"))}, "invalid_arguments"),
        ("chat.scheduleMessage", {"channel": ANA, "text": "x"}, "unknown_method"),
        ("apps.uninstall", {}, "unknown_method"),
    ],
)
async def test_blocks_that_slack_refuses_are_refused(
    slack: AsyncWebClient, world: SlackWorld, method: str, given: dict[str, Any], error: str
) -> None:
    world.dm_with(world.user("ben"))
    world.add_message(Message(ts="1.000000", channel="D0BEN00001", author=BEN, text="typed by Ben"))
    assert (await refusal(slack, method, **given))["error"] == error
    assert [message.text for message in world.messages_to("ben")] == ["typed by Ben"]


async def test_a_bad_argument_is_named(slack: AsyncWebClient) -> None:
    answer = await refusal(slack, "chat.postMessage", text="x", colour="red")
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] missing required field: channel [json-pointer:/]",
        "[ERROR] invalid additional property: colour [json-pointer:/]",
    ]


async def test_a_bad_block_is_named(slack: AsyncWebClient) -> None:
    answer = await refusal(slack, "chat.postMessage", channel=ANA, blocks=[section("x" * 3001)])
    assert answer["errors"] == ["must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {answer['errors'][0]}"]


async def test_a_call_needs_a_valid_token(port: int, slack: AsyncWebClient, world: SlackWorld) -> None:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/slack/api/", verify=tls_context()
    ) as client:
        assert (await client.post("auth.test")).json()["error"] == "not_authed"
    assert (await refusal(make_client(port, "xoxb-other"), "auth.test"))["error"] == "invalid_auth"
    world.state.is_revoked = True
    assert (await refusal(slack, "auth.test"))["error"] == "token_revoked"


async def test_json_carries_no_token(port: int, slack: AsyncWebClient) -> None:
    async with httpx.AsyncClient(verify=tls_context()) as client:
        answer = await client.post(f"http://127.0.0.1:{port}/slack/api/auth.test", json={"token": TOKEN})
    assert answer.json()["error"] == "not_authed"


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        ("{", "application/json", "invalid_json"),
        ("[]", "application/json", "json_not_object"),
        ("hello", "text/plain", "invalid_post_type"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    port: int, slack: AsyncWebClient, body: str, content_type: str, error: str
) -> None:
    headers = {"Content-Type": content_type, "Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(verify=tls_context()) as client:
        url = f"http://127.0.0.1:{port}/slack/api/auth.test"
        assert (await client.post(url, content=body, headers=headers)).json()["error"] == error


async def test_a_scope_that_was_not_granted_is_missed(slack: AsyncWebClient, world: SlackWorld) -> None:
    await post(slack)
    world.scopes.discard("im:history")
    answer = await refusal(slack, "conversations.history", channel=DM)
    assert (answer["error"], answer["needed"]) == ("missing_scope", "im:history")


async def test_a_trigger_opens_one_modal(slack: AsyncWebClient, world: SlackWorld) -> None:
    trigger = world.new_trigger(world.user("ana"))
    await slack.views_open(trigger_id=trigger, view=form(line("until")))
    again = await refusal(slack, "views.open", trigger_id=trigger, view=form(line("until")))
    assert again["error"] == "exchanged_trigger_id"
    assert len(world.modals_of("ana")) == 1


async def test_a_trigger_expires_after_three_real_seconds(slack: AsyncWebClient, world: SlackWorld) -> None:
    trigger = world.new_trigger(world.user("ana"))
    with freeze_time(utc_now() + timedelta(seconds=3), real_asyncio=True):
        late = await refusal(slack, "views.open", trigger_id=trigger, view=form(line("until")))
    assert late["error"] == "expired_trigger_id"


async def test_the_clock_of_the_application_expires_no_trigger(
    slack: AsyncWebClient, world: SlackWorld, clock: Clock
) -> None:
    trigger = world.new_trigger(world.user("ana"))
    clock.move(timedelta(hours=4))
    assert (await slack.views_open(trigger_id=trigger, view=form(line("until"))))["ok"]


async def test_a_response_url_expires_after_thirty_real_minutes(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    url = world.new_response_url(world.user("ana"), world.dm_with(world.user("ana")))
    async with httpx.AsyncClient(verify=tls_context()) as client:
        with freeze_time(utc_now() + timedelta(minutes=30), real_asyncio=True):
            late = await client.post(url, json={"text": "late"})
        assert (late.status_code, late.json()["error"]) == (404, "expired_url")
        assert (await client.post(url, json={"text": "in time"})).json() == {"ok": True}
    assert [message.text for message in world.messages_to("ana")] == ["in time"]


async def test_an_update_of_a_view_that_changed_meanwhile_conflicts(
    slack: AsyncWebClient, world: SlackWorld
) -> None:
    trigger = world.new_trigger(world.user("ana"))
    view = (await slack.views_open(trigger_id=trigger, view=form(line("until"))))["view"]
    await slack.views_update(view_id=view["id"], hash=view["hash"], view=form(section("saved")))
    late = await refusal(
        slack, "views.update", view_id=view["id"], hash=view["hash"], view=form(section("no"))
    )
    assert late["error"] == "hash_conflict"
    assert world.rendered_view(world.modals_of("ana")[0]) == "== Out of office ==\nsaved\n[Save]"


async def test_a_home_tab_is_published_and_replaced(slack: AsyncWebClient, world: SlackWorld) -> None:
    for text in ("old", "new"):
        await slack.views_publish(user_id=ANA, view={"type": "home", "blocks": [section(text)]})
    home = world.home_of("ana")
    assert home is not None
    assert world.rendered_view(home) == "new"


async def test_calls_are_logged_without_the_token(slack: AsyncWebClient, world: SlackWorld) -> None:
    await post(slack)
    await refusal(slack, "users.info", user="U404")
    assert [(call.method, call.error, call.at) for call in world.calls] == [
        ("chat.postMessage", None, MONDAY),
        ("users.info", "user_not_found", MONDAY),
    ]
    assert TOKEN not in repr(world.calls)


async def test_a_second_start_finds_what_the_first_one_kept(clock: Clock, tmp_path: Path) -> None:
    def start() -> SlackWorld:
        file = tmp_path / "sandbox" / "slack.json"
        return SlackWorld(clock.now, SecretStr(TOKEN), SecretStr(SECRET), "http://127.0.0.1:9", file)

    first = start()
    app = Quart("first")
    app.register_blueprint(slack_blueprint(first))
    async with serving(app) as url:
        await post(AsyncWebClient(TOKEN, base_url=f"{url}/api/", retry_handlers=[]), "from the bot")
        assert start().state == first.state
    await first.send_dm("ana", "from Ana")  # to a bot that is not there
    await first.close()
    again = start()
    assert [message.text for message in again.messages_to("ana")] == ["from the bot", "from Ana"]
    assert again.new_ts() > again.messages_to("ana")[-1].ts


def test_the_seed_is_five_colleagues_an_owner_and_the_bot(world: SlackWorld) -> None:
    zones = {user.name: user.tz for user in world.state.users.values() if not user.is_bot}
    assert zones == {
        "ana": "Europe/Berlin",
        "ben": "Europe/London",
        "cho": "Europe/Berlin",
        "dev": "America/New_York",
        "eli": "Asia/Tokyo",
        "olga": "Europe/Berlin",
    }
    assert world.user("dev").offset(datetime(2026, 7, 1, tzinfo=UTC)) == -4 * 3600
