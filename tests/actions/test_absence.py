"""`/ooo`: absences, early returns and cancelled plans."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.actions.absence import cancel_absence, come_back, go_away
from bot.actions.buttons import PRESS
from bot.actions.undo import undo
from bot.model import UserError
from bot.people.model import Person
from bot.people.store import list_absences
from bot.slack.messages import Rendered
from tests.actions.world import World, action_of, buttons_of
from tests.factories import MONDAY


def berlin(month: int, day: int) -> datetime:
    """Midnight in Berlin, in summer or winter of 2027."""
    return datetime(2027, month, day, tzinfo=UTC) - timedelta(hours=2 if 3 < month < 11 else 1)


async def away(world: World, name: str, starts_at: datetime, ends_at: datetime) -> Rendered:
    return await go_away(await world.person(name), starts_at, ends_at, queue=world.queue, now=world.now)


async def press(world: World, person: Person, pressed: dict[str, Any]) -> Rendered:
    action, _, _ = pressed["action_id"].partition(":")
    return await PRESS[action](person, pressed["value"], queue=world.queue, now=world.now)


async def test_the_answer_names_the_days_and_the_day_of_return(world: World) -> None:
    answer = await away(world, "ana", berlin(8, 2), berlin(8, 14))
    assert answer.text == "Out Mon 2 - Fri 13 Aug 2027. Back on Mon 16 Aug 2027."


async def test_this_year_goes_without_saying(world: World) -> None:
    ends_at = datetime(2026, 11, 25, 23, tzinfo=UTC)
    answer = await away(world, "ana", MONDAY, ends_at)
    assert answer.text == "Out Mon 23 - Wed 25 Nov. Back on Thu 26 Nov."


async def test_one_day_is_named_once(world: World) -> None:
    answer = await away(world, "ana", berlin(8, 3), berlin(8, 4))
    assert answer.text == "Out Tue 3 Aug 2027. Back on Wed 4 Aug 2027."


async def test_an_absence_is_saved_and_schedules_the_reminders(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await away(world, "ana", MONDAY, MONDAY + timedelta(days=1))
    [absence] = await list_absences(ana.id, world.now)
    assert (absence.starts_at, absence.ends_at) == (MONDAY, MONDAY + timedelta(days=1))
    assert await world.jobs() == [request]


async def test_coming_back_early_ends_only_the_current_absence(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", MONDAY - timedelta(days=1), MONDAY + timedelta(days=2))
    await away(world, "ana", berlin(8, 2), berlin(8, 14))
    answer = await come_back(ana, queue=world.queue, now=world.now)
    assert answer.text.startswith("Welcome back!")
    assert [absence.starts_at for absence in await list_absences(ana.id, world.now)] == [berlin(8, 2)]


async def test_a_single_planned_absence_is_cancelled(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", berlin(8, 2), berlin(8, 14))
    answer = await come_back(ana, queue=world.queue, now=world.now)
    assert answer.text == "Called off. You are no longer out Mon 2 - Fri 13 Aug 2027."
    assert await list_absences(ana.id, world.now) == ()


async def test_with_several_planned_absences_it_asks_which_one(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", berlin(8, 2), berlin(8, 14))
    await away(world, "ana", berlin(9, 6), berlin(9, 7))
    answer = await come_back(ana, queue=world.queue, now=world.now)
    assert len(await list_absences(ana.id, world.now)) == 2
    second = buttons_of(answer)[1]
    await cancel_absence(ana, int(second["value"]), queue=world.queue, now=world.now)
    assert [absence.starts_at for absence in await list_absences(ana.id, world.now)] == [berlin(8, 2)]


async def test_nobody_cancels_the_absence_of_somebody_else(world: World) -> None:
    cho, ana = await world.person("cho"), await world.person("ana")
    await away(world, "ana", berlin(8, 2), berlin(8, 14))
    [absence] = await list_absences(ana.id, world.now)
    assert absence.id is not None
    with pytest.raises(UserError, match="not yours"):
        await cancel_absence(cho, absence.id, queue=world.queue, now=world.now)
    assert len(await list_absences(ana.id, world.now)) == 1


async def test_with_no_absence_nothing_is_changed(world: World) -> None:
    answer = await come_back(await world.person("ana"), queue=world.queue, now=world.now)
    assert "no absence" in answer.text


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "problem"),
    [
        (MONDAY - timedelta(days=2), MONDAY, "over already"),
        (MONDAY + timedelta(days=2), MONDAY + timedelta(days=1), "over already"),
        (MONDAY, MONDAY + timedelta(days=400), "more than a year"),
    ],
)
async def test_days_that_make_no_sense_are_refused(
    world: World, starts_at: datetime, ends_at: datetime, problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        await away(world, "ana", starts_at, ends_at)


async def test_cover_is_kept_and_named(world: World) -> None:
    ana, cho = await world.person("ana"), await world.person("cho")
    answer = await go_away(ana, berlin(8, 2), berlin(8, 14), "UCHO", queue=world.queue, now=world.now)
    assert answer.text.endswith("Cover: <@UCHO>.")
    [absence] = await list_absences(ana.id, world.now)
    assert absence.cover_person_id == cho.id


@pytest.mark.parametrize(("cover", "problem"), [("UNOBODY", "does not know"), ("UANA", "your own cover")])
async def test_cover_must_be_somebody_else_whom_ripe_knows(world: World, cover: str, problem: str) -> None:
    ana = await world.person("ana")
    with pytest.raises(UserError, match=problem):
        await go_away(ana, berlin(8, 2), berlin(8, 14), cover, queue=world.queue, now=world.now)


async def test_a_shorter_absence_within_a_longer_one_says_so_and_can_shorten_it(world: World) -> None:
    ana, new_year = await world.person("ana"), datetime(2026, 12, 31, 23, tzinfo=UTC)
    await away(world, "ana", MONDAY, new_year)
    tomorrow = datetime(2026, 11, 24, 23, tzinfo=UTC)
    answer = await away(world, "ana", MONDAY, tomorrow)
    assert answer.text == (
        "Out Mon 23 - Tue 24 Nov. You are still out until Thu 31 Dec. Back on Fri 1 Jan 2027."
    )
    shorten, undo_button = buttons_of(answer)
    assert shorten["text"]["text"] == "Shorten to Tue 24 Nov"
    assert undo_button["action_id"] == "undo"
    answer = await press(world, ana, shorten)
    assert answer.text == "Out Mon 23 - Tue 24 Nov. Back on Wed 25 Nov."
    assert (await world.person("ana")).away_until(world.now) == tomorrow
    await undo(ana, action_of(answer), queue=world.queue, now=world.now)
    assert (await world.person("ana")).away_until(world.now) == new_year


async def test_a_longer_absence_in_the_future_keeps_its_first_days_when_it_is_shortened(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", berlin(8, 2), berlin(8, 14))
    answer = await away(world, "ana", berlin(8, 4), berlin(8, 6))
    answer = await press(world, ana, buttons_of(answer)[0])
    assert answer.text == "Out Mon 2 - Thu 5 Aug 2027. Back on Fri 6 Aug 2027."
    there = await world.person("ana")
    assert there.current_absence(berlin(8, 2)) is not None
    assert there.current_absence(berlin(8, 6)) is None


async def test_an_absence_that_follows_at_once_delays_the_return(world: World) -> None:
    await away(world, "ana", berlin(8, 9), berlin(8, 14))
    answer = await away(world, "ana", berlin(8, 2), berlin(8, 7))
    assert answer.text == (
        "Out Mon 2 - Fri 6 Aug 2027. You are still out until Fri 13 Aug 2027. Back on Mon 16 Aug 2027."
    )
    assert [each["action_id"] for each in buttons_of(answer)] == ["undo"]


async def test_coming_back_from_overlapping_absences_names_them_once(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", MONDAY, datetime(2026, 12, 31, 23, tzinfo=UTC))
    await away(world, "ana", MONDAY, datetime(2026, 11, 24, 23, tzinfo=UTC))
    answer = await come_back(ana, queue=world.queue, now=world.now)
    assert answer.text == "Welcome back! You are no longer out Mon 23 Nov - Thu 31 Dec."


async def test_coming_back_mentions_an_absence_later_that_day(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", MONDAY, MONDAY + timedelta(hours=2))
    await away(world, "ana", MONDAY + timedelta(hours=4), MONDAY + timedelta(hours=6))
    answer = await come_back(ana, queue=world.queue, now=world.now)
    assert answer.text.endswith("You are out again from Mon 23 Nov, 14:00 until 16:00 (Europe/Berlin).")
    await press(world, ana, buttons_of(answer)[0])
    assert await list_absences(ana.id, world.now) == ()


async def test_calling_off_one_of_two_absences_says_that_the_other_goes_on(world: World) -> None:
    ana = await world.person("ana")
    await away(world, "ana", MONDAY, datetime(2026, 11, 26, 23, tzinfo=UTC))
    await away(world, "ana", MONDAY, datetime(2026, 11, 24, 23, tzinfo=UTC))
    longer = max(await list_absences(ana.id, world.now), key=lambda absence: absence.ends_at)
    assert longer.id is not None
    answer = await cancel_absence(ana, longer.id, queue=world.queue, now=world.now)
    assert answer.text == (
        "Called off. You are no longer out Mon 23 - Thu 26 Nov. You are still out until Tue 24 Nov."
    )
