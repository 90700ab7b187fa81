"""What Slack sends to `POST /slack/events`: signed, over the same route, Bolt and database as when live."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from quart import Quart
from quart.typing import TestClientProtocol as Client

from bot.actions.desk import NOT_SAVED, Desk
from bot.slack.bolt import MISTAKE
from bot.slack.effect import Effects
from bot.slack.gateway import SlackGateway
from bot.slack.listeners import Listeners
from bot.web.server import serving
from bot.web.slack import slack_blueprint
from jobq import Database
from jobq.clock import utc_now
from tests.actions.world import World, found_world
from tests.slack.examples import MONDAY
from tests.slack.script import Script, error, ok

SECRET = "shhh"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Room:
    """A bot with its Slack, and a person's hands."""

    world: World
    script: Script
    slack_url: str
    client: Client
    listeners: Listeners

    async def post(self, body: str, content_type: str = FORM, **headers: str) -> tuple[int, Any]:
        timestamp = str(int(utc_now().timestamp()))
        signed = f"v0:{timestamp}:{body}".encode()
        signature = "v0=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        sent = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature,
        }
        answer = await self.client.post("/slack/events", data=body.encode(), headers=sent | headers)
        await self.listeners.finish()
        text = (await answer.get_data(as_text=True)) or "{}"
        is_json = str(text).startswith("{")
        return answer.status_code, json.loads(text) if is_json else text

    async def command(self, words: str, user: str = "UANA", trigger: str = "1.1") -> tuple[int, Any]:
        command, _, text = words.partition(" ")
        fields = {
            "command": command,
            "text": text,
            "user_id": user,
            "team_id": "T1",
            "trigger_id": trigger,
            "response_url": f"{self.slack_url}/respond",
            "channel_id": "D1",
        }
        return await self.post(urlencode(fields))

    async def interact(self, payload: Mapping[str, Any]) -> tuple[int, Any]:
        return await self.post(urlencode({"payload": json.dumps(payload)}))

    async def press(
        self, action: Mapping[str, Any], user: str = "UANA", trigger: str = "2.1", **more: Any
    ) -> tuple[int, Any]:
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "team": {"id": "T1"},
            "trigger_id": trigger,
            "response_url": f"{self.slack_url}/respond",
            "actions": [{"type": "button", "block_id": "b", **action}],
        }
        return await self.interact(payload | more)

    async def event(self, event: Mapping[str, Any], event_id: str = "Ev1") -> tuple[int, Any]:
        envelope = {"type": "event_callback", "team_id": "T1", "event_id": event_id, "event": event}
        return await self.post(json.dumps(envelope), "application/json")

    async def actions(self) -> int:
        """How many things people did."""
        counted: int = await self.world.db.fetchval("SELECT count(*) FROM action")
        return counted


@pytest.fixture
async def room(db: Database) -> AsyncIterator[Room]:
    world, script = await found_world(db), Script(ok(ts="1.1", view={"id": "V1"}))
    async with serving(script.web()) as slack_url:
        slack = SlackGateway(SecretStr("xoxb-test"), f"{slack_url}/", now=world.clock.now)
        effects = Effects(world.workspace_id, world.clock, within=0.5)
        desk = Desk(world.queue, world.clock, world.workspace_id, effects)
        listeners = Listeners(desk, slack)
        web = Quart("test")
        web.register_blueprint(slack_blueprint(listeners, SecretStr(SECRET)))
        with db.ambient():
            yield Room(world, script, slack_url, web.test_client(), listeners)
        await effects.finish()
        await slack.close()


async def test_slack_may_check_the_address(room: Room) -> None:
    challenge = {"type": "url_verification", "challenge": "c0ffee", "token": "x"}
    status, body = await room.post(json.dumps(challenge), "application/json")
    assert status == 200
    assert "c0ffee" in str(body)


@pytest.mark.parametrize("name", ["X-Slack-Signature", "X-Slack-Request-Timestamp"])
async def test_what_is_not_signed_is_refused(room: Room, name: str) -> None:
    status, _ = await room.post("command=/snooze", **{name: "nonsense"})
    assert status == 401


async def test_what_is_signed_and_makes_no_sense_is_not_served(room: Room) -> None:
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


@pytest.mark.parametrize("words", ["/ripe snooze 2h", "/RIPE snooze 2h", "/ripe-staging snooze 2h"])
async def test_ripe_takes_the_same_words(room: Room, words: str) -> None:
    await room.world.person("ana")
    await room.command(words)
    assert (await room.world.person("ana")).snoozed_until == MONDAY + timedelta(hours=2)


async def test_the_same_command_four_times_has_one_effect(room: Room) -> None:
    await room.world.person("ana")
    answers = [await room.command("/snooze 2h", trigger="7.7") for _ in range(4)]
    assert [status for status, _ in answers] == [200] * 4
    assert await room.actions() == 1


async def test_a_stranger_is_told_how_to_get_connected(room: Room) -> None:
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
    [(path, sent)] = room.script.asked
    assert path == "respond"
    assert sent["response_type"] == "ephemeral"
    assert sent["replace_original"] is False
    assert sent["text"].startswith("acme/api#12: Snoozed until Mon 23 Nov, 11:00")


async def test_why_names_who_asked(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.press({"action_id": "why", "value": str(request)})
    [(_, sent)] = room.script.asked
    assert "ben-gh asked you on GitHub" in sent["text"]


async def test_mute_and_its_undo(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.press({"action_id": "mute", "value": str(request)}, trigger="1")
    assert (await room.world.request(request)).is_muted
    undo = room.script.asked[-1][1]["blocks"][1]["elements"][0]
    await room.press({"action_id": undo["action_id"], "value": undo["value"]}, trigger="2")
    assert not (await room.world.request(request)).is_muted
    answer = room.script.asked[-1][1]
    assert answer["text"].startswith("Undone.")
    assert answer["replace_original"] is True


async def test_the_same_click_four_times_has_one_effect(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    for _ in range(4):
        await room.press({"action_id": "mute", "value": str(request)}, trigger="9")
    assert await room.actions() == 1
    assert len(room.script.asked) == 1


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


async def test_a_forged_value_is_refused_in_words(room: Room) -> None:
    await room.world.person("ana")
    for number, action in enumerate(FORGED):
        assert await room.press(action, trigger=str(number)) == (200, {})
        assert len(room.script.asked[-1][1]["text"]) > 20
    assert len(room.script.asked) == len(FORGED)
    assert await room.actions() == 0


async def test_somebody_elses_button_is_refused_in_words(room: Room) -> None:
    await room.world.person("ana")
    await room.world.person("cho")
    request = await room.world.ask("ana")
    await room.press({"action_id": "mute", "value": str(request)}, user="UCHO")
    assert "not asked of you" in room.script.asked[0][1]["text"]
    assert not (await room.world.request(request)).is_muted


async def test_a_button_that_asks_for_nothing_is_acknowledged(room: Room) -> None:
    for action_id in ("open", "something_of_an_older_version", ""):
        assert await room.press({"action_id": action_id, "value": "7"}) == (200, {})
    assert room.script.asked == []


async def test_what_we_never_asked_for_is_acknowledged(room: Room) -> None:
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


async def test_an_answer_that_does_not_arrive_changes_nothing_of_what_was_done(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    room.script.replies = [error("nope", 500)]
    assert await room.press({"action_id": "mute", "value": str(request)}) == (200, {})
    assert (await room.world.request(request)).is_muted


@pytest.mark.parametrize("words", ["/snooze", "/ooo", "/ripe ooo", "/snooze   "])
async def test_without_words_a_form_opens_at_once_and_is_filled_in(room: Room, words: str) -> None:
    await room.world.person("ana")
    assert await room.command(words) == (200, {})
    (opened, loading), (updated, filled) = room.script.asked
    assert (opened, updated) == ("views.open", "views.update")
    assert loading["trigger_id"] == "1.1"
    assert "One moment" in json.dumps(loading, ensure_ascii=False)
    assert filled["view_id"] == "V1"
    assert "datepicker" in json.dumps(filled)


async def test_a_stranger_sees_in_the_form_how_to_get_connected(room: Room) -> None:
    await room.command("/snooze", user="USTRANGER")
    assert "ripe people import" in json.dumps(room.script.asked[-1][1])


async def test_a_form_that_cannot_open_any_more_says_what_to_type(room: Room) -> None:
    await room.world.person("ana")
    room.script.replies = [error("expired_trigger_id"), ok()]
    await room.command("/snooze")
    assert room.script.asked[-1][0] == "respond"
    assert "/snooze 2h" in room.script.asked[-1][1]["text"]


async def submit(room: Room, name: str, values: Mapping[str, Any], trigger: str = "5.5") -> tuple[int, Any]:
    state = {field: {field: value} for field, value in values.items()}
    payload = {
        "type": "view_submission",
        "user": {"id": "UANA"},
        "team": {"id": "T1"},
        "trigger_id": trigger,
        "view": {"id": "V1", "type": "modal", "callback_id": name, "state": {"values": state}},
    }
    return await room.interact(payload)


async def test_a_form_does_what_the_command_does(room: Room) -> None:
    await room.world.person("ana")
    _, answer = await submit(
        room,
        "ooo",
        {"first_day": {"selected_date": "2026-11-24"}, "last_day": {"selected_date": "2026-11-27"}},
    )
    assert answer["response_action"] == "update"
    assert "Out Tue 24 - Fri 27 Nov. Back on Mon 30 Nov." in json.dumps(answer)


async def test_a_form_shows_what_is_wrong_in_it(room: Room) -> None:
    await room.world.person("ana")
    values = {"first_day": {"selected_date": "2026-11-24"}, "last_day": {"selected_date": "2026-11-20"}}
    _, answer = await submit(room, "ooo", values)
    assert answer == {
        "response_action": "errors",
        "errors": {"last_day": "The last day is before the first."},
    }
    assert await room.actions() == 0


@pytest.mark.parametrize(
    ("values", "is_done"),
    [
        ({"how_long": {"selected_option": {"value": "tomorrow"}}, "day": {"selected_date": None}}, True),
        ({"how_long": {"selected_option": None}, "day": {"selected_date": "2026-11-30"}}, True),
        ({"how_long": {"selected_option": None}, "day": {"selected_date": None}}, False),
        ({"how_long": {"selected_option": {"value": "hour"}}, "day": {"selected_date": "2026-11-30"}}, False),
        ({"how_long": {"selected_option": None}, "day": {"selected_date": "2026-11-20"}}, False),
    ],
)
async def test_the_snooze_form_takes_one_of_its_two_fields(
    room: Room, values: dict[str, Any], is_done: bool
) -> None:
    await room.world.person("ana")
    _, answer = await submit(room, "snooze", values)
    assert answer["response_action"] == ("update" if is_done else "errors")
    assert await room.actions() == int(is_done)


async def test_an_undo_inside_a_form_is_shown_there(room: Room) -> None:
    await room.world.person("ana")
    _, answer = await submit(room, "snooze", {"how_long": {"selected_option": {"value": "hour"}}})
    undo = answer["view"]["blocks"][1]["elements"][0]
    view = {"id": "V1", "type": "modal"}
    await room.press({"action_id": "undo", "value": undo["value"]}, view=view, response_url=None)
    path, sent = room.script.asked[-1]
    assert path == "views.update"
    assert "Undone." in json.dumps(sent)


def words_of(user: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "channel_type": "im", "channel": "D1", "user": user, "text": text} | more


async def test_the_same_words_work_in_our_conversation(room: Room) -> None:
    await room.world.person("ana")
    assert (await room.event(words_of("UANA", "/snooze 2h")))[0] == 200
    assert (await room.world.person("ana")).snoozed_until == MONDAY + timedelta(hours=2)
    [(path, sent)] = room.script.asked
    assert (path, sent["channel"]) == ("chat.postMessage", "D1")
    assert sent["text"].startswith("All reminders: Snoozed until")


async def test_the_same_event_four_times_has_one_effect_and_one_answer(room: Room) -> None:
    await room.world.person("ana")
    for _ in range(4):
        await room.event(words_of("UANA", "snooze 2h"), "Ev9")
    assert await room.actions() == 1
    assert len(room.script.asked) == 1


OTHER_EVENTS: tuple[dict[str, Any], ...] = (
    words_of("UANA", "snooze 2h", bot_id="B1"),
    words_of("UANA", "snooze 2h", subtype="message_changed"),
    words_of("UANA", "snooze 2h", channel_type="channel"),
    {"type": "reaction_added", "user": "UANA"},
    {"type": "app_uninstalled"},
    {"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}},
)


async def test_other_events_are_acknowledged_and_change_nothing(room: Room) -> None:
    await room.world.person("ana")
    for number, event in enumerate(OTHER_EVENTS):
        assert (await room.event(event, f"Ev{number}"))[0] == 200
    assert room.script.asked == []
    assert await room.actions() == 0


async def test_an_event_that_could_not_be_saved_is_left_to_slack_to_repeat(room: Room) -> None:
    await room.world.person("ana")
    holder = await room.world.db.connect()
    try:
        await holder.execute("BEGIN; LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        status, _ = await room.event(profile("America/New_York"))
    finally:
        await holder.close()
    assert status == 500


def profile(zone: str, deleted: bool = False) -> dict[str, Any]:
    user = {"id": "UANA", "name": "ana", "deleted": deleted, "tz": zone, "profile": {"real_name": "Ana"}}
    return {"type": "user_change", "user": user}


async def zone_of(room: Room, slack_user_id: str) -> tuple[str, bool]:
    row = await room.world.db.fetchrow(
        "SELECT zone, is_active FROM person WHERE slack_user_id = $1", slack_user_id
    )
    return row["zone"], row["is_active"]


async def test_a_new_zone_times_what_waits_anew(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.event(profile("America/New_York"))
    assert await zone_of(room, "UANA") == ("America/New_York", True)
    assert await room.world.jobs() == [request]


async def test_a_profile_that_says_nothing_new_wakes_nobody(room: Room) -> None:
    await room.world.person("ana")
    await room.world.ask("ana")
    await room.event(profile("Europe/Berlin"))
    assert await room.world.jobs() == []


async def test_a_deactivated_person_is_noticed(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.event(profile("Europe/Berlin", deleted=True))
    assert await zone_of(room, "UANA") == ("Europe/Berlin", False)
    assert await room.world.jobs() == [request]


async def test_a_zone_that_nobody_knows_is_left_out(room: Room) -> None:
    await room.world.person("ana")
    await room.event(profile("Mars/Olympus"))
    assert await zone_of(room, "UANA") == ("Europe/Berlin", True)


async def test_the_home_tab_shows_what_waits(room: Room) -> None:
    await room.world.person("ana")
    await room.world.ask("ana")
    await room.event({"type": "app_home_opened", "tab": "home", "user": "UANA"})
    [(path, sent)] = room.script.asked
    assert (path, sent["user_id"]) == ("views.publish", "UANA")
    assert "Round half to even" in json.dumps(sent)
