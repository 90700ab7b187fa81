"""Signed requests to `POST /slack/events`, through the same route, Bolt app and database as in production."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
import structlog

from bot.logs import setup_logs
from bot.slack.bolt import MISTAKE
from bot.slack.effect import NOT_SAVED
from tests.factories import MONDAY
from tests.slack.room import FORM, Room
from tests.slack.script import error


async def test_slack_may_check_the_address(room: Room) -> None:
    challenge = {"type": "url_verification", "challenge": "c0ffee", "token": "x"}
    status, body = await room.post(json.dumps(challenge), "application/json")
    assert status == 200
    assert "c0ffee" in str(body)


@pytest.mark.parametrize("name", ["X-Slack-Signature", "X-Slack-Request-Timestamp"])
async def test_an_unsigned_request_is_refused(room: Room, name: str) -> None:
    status, _ = await room.post("command=/snooze", **{name: "nonsense"})
    assert status == 401


async def test_a_signed_request_that_makes_no_sense_is_not_served(room: Room) -> None:
    for body in ("{", "[]", '"x"', "payload=%7B", ""):
        for content_type in ("application/json", FORM):
            status, _ = await room.post(body, content_type)
            assert status in (200, 400, 404), body


async def test_a_command_acts_and_answers_in_one_go(room: Room) -> None:
    await room.world.person("ana")
    status, answer = await room.command("/snooze 2h")
    assert status == 200
    assert answer["response_type"] == "ephemeral"
    assert "Snoozed until Mon 23 Nov, 12:00 (Europe/Berlin)" in answer["text"]
    assert answer["blocks"][1]["elements"][0]["action_id"] == "undo"
    assert (await room.world.person("ana")).snoozed_until == MONDAY + timedelta(hours=2)


@pytest.mark.parametrize(
    "command",
    [
        "/ripe snooze 2h",
        "/RIPE snooze 2h",
        "/ripe-staging snooze 2h",
        "/ripe /snooze\N{NO-BREAK SPACE}2h",
        "/snooze /ripe snooze 2h",
        "/ripe *snooze*\t`2h`",
    ],
)
async def test_ripe_takes_the_same_commands(room: Room, command: str) -> None:
    await room.world.person("ana")
    await room.command(command)
    assert (await room.world.person("ana")).snoozed_until == MONDAY + timedelta(hours=2)


@pytest.mark.usefixtures("logging_as_before")
async def test_a_token_in_the_environment_is_no_reason_for_a_warning(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    setup_logs("INFO", "json", stream)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-environment")
    await room.serve_anew()
    await room.command("/reviews")
    assert "ignored" not in stream.getvalue()


@pytest.mark.usefixtures("logging_as_before")
async def test_typed_texts_are_in_no_log_even_at_debug(room: Room) -> None:
    stream = io.StringIO()
    setup_logs("DEBUG", "json", stream)
    await room.serve_anew()  # Bolt configures its loggers when an app is created
    await room.world.person("ana")
    _, answer = await room.command("/snooze my-own-words")
    assert "my-own-words" in str(answer)
    structlog.get_logger().debug("still heard")
    assert "still heard" in stream.getvalue()
    assert "my-own-words" not in stream.getvalue()


async def test_the_same_command_four_times_has_one_effect(room: Room) -> None:
    await room.world.person("ana")
    answers = [await room.command("/snooze 2h", trigger="7.7") for _ in range(4)]
    assert [status for status, _ in answers] == [200] * 4
    assert await room.actions() == 1


async def test_an_unlinked_person_reads_how_to_link(room: Room) -> None:
    status, answer = await room.command("/snooze 2h", user="USTRANGER")
    assert status == 200
    assert "ripe people import" in answer["text"]
    assert "USTRANGER" in answer["text"]
    assert await room.actions() == 0


async def test_a_database_that_hangs_is_admitted_in_time(room: Room) -> None:
    await room.world.person("ana")
    holder = await room.world.db.connect()
    try:
        await holder.execute("BEGIN; LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        status, answer = await room.command("/snooze 2h")
    finally:
        await holder.close()
    assert (status, answer["text"]) == (200, NOT_SAVED)
    assert (await room.world.person("ana")).snoozed_until is None


async def test_a_mistake_of_ours_is_admitted(room: Room) -> None:
    await room.world.person("ana")
    await room.world.db.execute("ALTER TABLE action RENAME TO gone")
    status, answer = await room.command("/snooze 2h")
    assert (status, answer["text"]) == (200, MISTAKE)
    assert (await room.world.person("ana")).snoozed_until is None


async def test_a_menu_in_a_dm_snoozes_and_answers_beside_it(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    menu = {"type": "static_select", "action_id": "snooze", "selected_option": {"value": f"{request}:hour"}}
    assert await room.press(menu) == (200, {})
    assert (await room.world.request(request)).snoozed_until == MONDAY + timedelta(hours=1)
    [(path, sent)] = room.script.calls
    assert path == "respond"
    assert sent["response_type"] == "ephemeral"
    assert sent["replace_original"] is False
    assert sent["text"].startswith("acme/api#12: Snoozed until Mon 23 Nov, 11:00")


async def test_why_names_who_asked(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.press({"action_id": "why", "value": str(request)})
    [(_, sent)] = room.script.calls
    assert "ben-gh asked you on GitHub" in sent["text"]


async def test_mute_and_its_undo(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.press({"action_id": "mute", "value": str(request)}, trigger="1")
    assert (await room.world.request(request)).is_muted
    undo = room.script.calls[-1][1]["blocks"][1]["elements"][0]
    await room.press({"action_id": undo["action_id"], "value": undo["value"]}, trigger="2")
    assert not (await room.world.request(request)).is_muted
    answer = room.script.calls[-1][1]
    assert answer["text"].startswith("Undone.")
    assert answer["replace_original"] is True


async def test_the_same_click_four_times_has_one_effect(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    for _ in range(4):
        await room.press({"action_id": "mute", "value": str(request)}, trigger="9")
    assert await room.actions() == 1
    assert len(room.script.calls) == 1


FORGED: tuple[dict[str, Any], ...] = (
    {"action_id": "mute", "value": "999999"},
    {"action_id": "mute", "value": "1; DROP TABLE person"},
    {"action_id": "mute", "value": "9" * 30},
    {"action_id": "mute"},
    {"action_id": "undo", "value": "-1"},
    {"action_id": "undo", "value": "424242"},
    {"action_id": "cancel_absence:0", "value": "1"},
    {"action_id": "snooze", "selected_option": {"value": "1:for_ever"}},
    {"action_id": "snooze", "selected_option": {"value": ""}},
)


async def test_a_forged_value_is_refused_with_a_message(room: Room) -> None:
    await room.world.person("ana")
    for number, action in enumerate(FORGED):
        assert await room.press(action, trigger=str(number)) == (200, {})
        assert len(room.script.calls[-1][1]["text"]) > 20
    assert len(room.script.calls) == len(FORGED)
    assert await room.actions() == 0


async def test_the_button_of_somebody_else_is_refused_with_a_message(room: Room) -> None:
    await room.world.person("ana")
    await room.world.person("cho")
    request = await room.world.ask("ana")
    await room.press({"action_id": "mute", "value": str(request)}, user="UCHO")
    assert "not asked of you" in room.script.calls[0][1]["text"]
    assert not (await room.world.request(request)).is_muted


async def test_a_button_without_an_action_is_acknowledged(room: Room) -> None:
    for action_id in ("open", "something_of_an_older_version", ""):
        assert await room.press({"action_id": action_id, "value": "7"}) == (200, {})
    assert room.script.calls == []


async def test_unused_kinds_of_requests_are_acknowledged(room: Room) -> None:
    for kind in ("shortcut", "message_action", "view_closed", "view_submission", "block_suggestion"):
        payload = {
            "type": kind,
            "callback_id": "x",
            "action_id": "x",
            "user": {"id": "UANA"},
            "team": {"id": "T1"},
            "trigger_id": "1",
            "view": {"callback_id": "x", "type": "modal"},
        }
        status, _ = await room.interact(payload)
        assert status == 200, kind


async def test_a_lost_answer_does_not_undo_the_action(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    room.script.replies = [error("nope", 500)]
    assert await room.press({"action_id": "mute", "value": str(request)}) == (200, {})
    assert (await room.world.request(request)).is_muted
