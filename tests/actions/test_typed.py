"""Typed commands are carried out and answered with absolute times, or become a question."""

import re
from datetime import datetime, timedelta

import pytest

from bot.actions.typed import carry_out, render_help
from bot.model import UserError
from bot.people.store import list_absences
from bot.sandbox.slack.blocks import check_blocks
from bot.slack.absences import Interval
from bot.slack.commands import (
    AdminCommand,
    IdentityCommand,
    InviteWorkspace,
    OutOfOffice,
    SnoozeUntil,
    parse_command,
    resolve_absence,
    resolve_snooze,
)
from bot.slack.messages import Rendered
from tests.actions.world import World, buttons_of
from tests.factories import MONDAY


async def say(world: World, line: str, name: str = "ana") -> Rendered:
    command = parse_command(line)
    assert not isinstance(command, AdminCommand | InviteWorkspace | IdentityCommand)
    answer = await carry_out(await world.person(name), command, queue=world.queue, now=world.now)
    assert check_blocks(list(answer.blocks)) == []
    return answer


async def test_all_reminders_can_be_snoozed(world: World) -> None:
    answer = await say(world, "snooze until friday")
    assert "Snoozed until Fri 27 Nov, 09:00 (Europe/Berlin)" in answer.text
    assert (await world.person("ana")).snoozed_until == MONDAY + timedelta(days=4, hours=-1)


async def test_one_review_can_be_snoozed_by_its_name(world: World) -> None:
    await world.person("ana")
    request, other = await world.ask("ana", 12), await world.ask("ana", 13)
    answer = await say(world, "snooze ACME/API#12 2h")
    assert answer.text.startswith("acme/api#12: Snoozed until Mon 23 Nov, 12:00")
    assert (await world.request(request)).snoozed_until == MONDAY + timedelta(hours=2)
    assert (await world.request(other)).snoozed_until is None
    await say(world, "snooze acme/api#12 until change")
    assert (await world.request(request)).is_snoozed_until_change
    await say(world, "snooze acme/api#12 off")
    assert not (await world.request(request)).is_snoozed_until_change


async def test_off_ends_the_snooze_of_everything(world: World) -> None:
    await say(world, "snooze 2h")
    assert (await say(world, "snooze off")).text.startswith("The snooze is over")
    assert (await world.person("ana")).snoozed_until is None


async def test_somebody_elses_review_cannot_be_snoozed_by_name(world: World) -> None:
    await world.ask("ana", 12)
    with pytest.raises(UserError, match="not waiting for your review"):
        await say(world, "snooze acme/api#12 2h", "cho")


async def test_out_of_office_and_back(world: World) -> None:
    ana = await world.person("ana")
    answer = await say(world, "ooo until wednesday")
    assert answer.text == "Out Mon 23 - Wed 25 Nov. Back on Thu 26 Nov."
    assert len(await list_absences(ana.id, world.now)) == 1
    assert (await say(world, "ooo off")).text.startswith("Welcome back!")
    assert await list_absences(ana.id, world.now) == ()


async def test_an_absence_of_hours_is_not_shown_as_days(world: World) -> None:
    answer = await say(world, "ooo 2h")
    assert answer.text == "Out until Mon 23 Nov, 12:00 (Europe/Berlin)."
    answer = await say(world, "ooo until 18:30")
    assert answer.text.endswith("18:30 (Europe/Berlin). Back Tue 24 Nov, 09:00 (Europe/Berlin).")


async def test_cover_is_taken_as_slack_writes_it(world: World) -> None:
    await world.person("cho")
    answer = await say(world, "ooo 7-11 dec cover <@UCHO|cho>")
    assert answer.text == "Out Mon 7 - Fri 11 Dec. Back on Mon 14 Dec. Cover: <@UCHO>."
    assert "does not hand reviews over yet" in str(answer.blocks[-1])


async def test_an_unclear_command_becomes_a_question_with_buttons(world: World) -> None:
    answer = await say(world, "snooze 3")
    choices = buttons_of(answer)
    assert [choice["value"] for choice in choices] == ["snooze 3h", "snooze 3d"]
    assert len({choice["action_id"] for choice in choices}) == 2
    await say(world, choices[0]["value"])
    assert (await world.person("ana")).snoozed_until == MONDAY + timedelta(hours=3)


async def test_a_long_name_leaves_room_for_what_the_buttons_differ_in(world: World) -> None:
    answer = await say(world, f"snooze {'a' * 60}/{'b' * 60}#12")
    labels = [choice["text"]["text"] for choice in buttons_of(answer)]
    assert labels[0].endswith("#12 1h")
    assert all(len(label) <= 75 for label in labels)


@pytest.mark.parametrize(
    "line", ["snooze <!here> *x* https://evil.example", "gibberish <@UCHO|cho>", "snooze `"]
)
async def test_quoted_text_is_disarmed(world: World, line: str) -> None:
    text = (await say(world, line)).text
    assert "<" not in text
    assert "https://evil" not in text
    assert await world.db.fetchval("SELECT count(*) FROM action") == 0


@pytest.mark.parametrize("line", ["help", "snooze help", "ooo help", "reviews help"])
async def test_help_shows_every_command(world: World, line: str) -> None:
    text = (await say(world, line)).text
    assert all(command in text for command in ("/snooze", "/ooo", "/reviews", "/ripe"))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("reviews", "0 waiting for you, 0 waiting for others"),
        ("", "0 waiting for you, 0 waiting for others"),
        ("reviews team", "no page for a team yet"),
        ("reviews settings", "nothing else to set here yet"),
        ("snooze", "/snooze 2h"),
        ("ooo", "/ooo until tomorrow"),
    ],
)
async def test_every_command_has_an_honest_answer(world: World, line: str, answer: str) -> None:
    assert answer in (await say(world, line)).text


@pytest.mark.parametrize("days", range(0, 380, 9))
async def test_every_example_in_the_help_works_on_any_day(world: World, days: int) -> None:
    now = MONDAY + timedelta(days=days)
    hours = (await world.person("ana")).hours
    for line in re.findall(r"`/((?:snooze|ooo) [^`#]+)`", render_help(now).text):
        command = parse_command(line)
        if isinstance(command, SnoozeUntil):
            assert isinstance(resolve_snooze(command, now, hours), datetime), line
        if isinstance(command, OutOfOffice):
            assert isinstance(resolve_absence(command, now, hours), Interval), line


async def test_a_review_is_muted_by_its_name(world: World) -> None:
    await world.person("ana")
    request = await world.ask("ana", 12)
    assert (await say(world, "mute acme/api#12")).text.startswith("Muted: no more reminders")
    assert (await world.request(request)).is_muted
    await say(world, "unmute acme/api#12")
    assert not (await world.request(request)).is_muted


async def test_hours_of_one_day_name_that_day_and_the_zone_once(world: World) -> None:
    answer = await say(world, "ooo tomorrow 14:00-16:00")
    assert answer.text.startswith("Out from Tue 24 Nov, 14:00 until 16:00 (Europe/Berlin).")


async def test_a_question_about_an_absence_shows_no_slack_id(world: World) -> None:
    answer = await say(world, "ooo until 17 cover <@U0CHO00001>")
    shown = [each["text"]["text"] for each in buttons_of(answer)]
    assert shown == ["ooo until 2026-11-23 17:00", "ooo until 2026-12-17"]


async def test_why_is_answered_by_name(world: World) -> None:
    await world.person("ana")
    await world.ask("ana")
    assert "ben-gh asked you on GitHub" in (await say(world, "reviews why acme/api#12")).text
