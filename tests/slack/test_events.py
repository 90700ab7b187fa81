"""Events: DMs to the bot, changed profiles, the home tab, and all others."""

import json
from datetime import timedelta
from typing import Any

from tests.factories import MONDAY
from tests.slack.room import Room


def words_of(user: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "channel_type": "im", "channel": "D1", "user": user, "text": text} | more


async def test_commands_work_in_a_dm_to_the_bot(room: Room) -> None:
    await room.world.person("ana")
    assert (await room.event(words_of("UANA", "/snooze 2h")))[0] == 200
    assert (await room.world.person("ana")).snoozed_until == MONDAY + timedelta(hours=2)
    [(path, sent)] = room.script.calls
    assert (path, sent["channel"]) == ("chat.postMessage", "D1")
    assert sent["text"].startswith("All reminders: Snoozed until")


async def test_the_same_event_four_times_has_one_effect_and_one_answer(room: Room) -> None:
    await room.world.person("ana")
    for _ in range(4):
        await room.event(words_of("UANA", "snooze 2h"), "Ev9")
    assert await room.actions() == 1
    assert len(room.script.calls) == 1


OTHER_EVENTS: tuple[dict[str, Any], ...] = (
    words_of("UANA", "snooze 2h", bot_id="B1"),
    words_of("UANA", "snooze 2h", subtype="message_changed"),
    words_of("UANA", "snooze 2h", channel_type="channel"),
    {"type": "reaction_added", "user": "UANA"},
    {"type": "tokens_revoked", "tokens": {"oauth": ["UANA"], "bot": []}},
)


async def test_other_events_are_acknowledged_and_change_nothing(room: Room) -> None:
    await room.world.person("ana")
    for number, event in enumerate(OTHER_EVENTS):
        assert (await room.event(event, f"Ev{number}"))[0] == 200
    assert room.script.calls == []
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


async def test_a_new_zone_schedules_the_reminders_again(room: Room) -> None:
    await room.world.person("ana")
    request = await room.world.ask("ana")
    await room.event(profile("America/New_York"))
    assert await zone_of(room, "UANA") == ("America/New_York", True)
    assert await room.world.jobs() == [request]


async def test_an_unchanged_profile_schedules_nothing(room: Room) -> None:
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


async def test_an_unknown_zone_is_ignored(room: Room) -> None:
    await room.world.person("ana")
    await room.event(profile("Mars/Olympus"))
    assert await zone_of(room, "UANA") == ("Europe/Berlin", True)


async def test_the_home_tab_lists_the_reviews(room: Room) -> None:
    await room.world.person("ana")
    await room.world.ask("ana")
    await room.event({"type": "app_home_opened", "tab": "home", "user": "UANA"})
    [(check, _), (path, sent)] = room.script.calls
    assert check == "users.info", "whether the person is an admin"
    assert (path, sent["user_id"]) == ("views.publish", "UANA")
    assert "Round half to even" in json.dumps(sent)
