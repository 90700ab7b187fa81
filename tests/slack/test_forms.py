"""Forms: opened at once, filled in, sent, and shown again with their errors."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.slack.room import Room
from tests.slack.script import error, ok


@pytest.mark.parametrize("command", ["/snooze", "/ooo", "/ripe ooo", "/snooze   "])
async def test_a_command_without_arguments_opens_a_form_at_once_and_fills_it(
    room: Room, command: str
) -> None:
    await room.world.person("ana")
    assert await room.command(command) == (200, {})
    (opened, loading), (updated, filled) = room.script.calls
    assert (opened, updated) == ("views.open", "views.update")
    assert loading["trigger_id"] == "1.1"
    assert "One moment" in json.dumps(loading, ensure_ascii=False)
    assert filled["view_id"] == "V1"
    assert "datepicker" in json.dumps(filled)


async def test_an_unlinked_person_reads_in_the_form_how_to_link(room: Room) -> None:
    await room.command("/snooze", user="USTRANGER")
    assert "ripe people import" in json.dumps(room.script.calls[-1][1])


async def test_a_form_that_cannot_open_is_replaced_by_a_hint(room: Room) -> None:
    await room.world.person("ana")
    room.script.replies = [error("expired_trigger_id"), ok()]
    await room.command("/snooze")
    assert room.script.calls[-1][0] == "respond"
    assert "/snooze 2h" in room.script.calls[-1][1]["text"]


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


async def test_a_form_shows_its_errors(room: Room) -> None:
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
    path, sent = room.script.calls[-1]
    assert path == "views.update"
    assert "Undone." in json.dumps(sent)


@pytest.mark.parametrize("day", ["0001-01-01", "2099-01-01", "9999-12-31"])
async def test_a_day_that_must_be_a_slip_is_refused_in_the_form(room: Room, day: str) -> None:
    await room.world.person("ana")
    picked = {"selected_date": day}
    for name, fields in (("ooo", {"first_day": picked, "last_day": picked}), ("snooze", {"day": picked})):
        status, answer = await submit(room, name, fields, trigger=name)
        assert status == 200
        assert "more than two years away" in json.dumps(answer)
