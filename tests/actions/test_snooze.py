"""`/snooze` and the Snooze menu: what is held back, until when, and the answer."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.actions.model import Snooze
from bot.actions.mute import mute, unmute
from bot.actions.snooze import (
    SnoozePreset,
    end_snooze_of_request,
    end_snoozes,
    snooze_by_preset,
    snooze_everything,
    snooze_request,
)
from bot.model import UserError
from bot.people.store import insert_absence
from bot.reviews.model import CloseReason
from bot.reviews.store import close_review_requests
from tests.actions.world import World, buttons_of
from tests.factories import MONDAY

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("preset", "until"),
    [
        (SnoozePreset.HOUR, MONDAY + HOUR),
        (SnoozePreset.TOMORROW, datetime(2026, 11, 24, 8, tzinfo=UTC)),
        (SnoozePreset.NEXT_WEEK, datetime(2026, 11, 30, 8, tzinfo=UTC)),
    ],
)
async def test_a_preset_in_a_dm_snoozes_that_review(
    world: World, preset: SnoozePreset, until: datetime
) -> None:
    ana = await world.person("ana")
    mine, other = await world.ask("ana", 12), await world.ask("ana", 13)
    await snooze_by_preset(ana, mine, preset, queue=world.queue, now=world.now)
    assert (await world.request(mine)).snoozed_until == until
    assert (await world.request(other)).snoozed_until is None
    assert await world.jobs() == [mine]


async def test_tomorrow_on_a_friday_is_monday(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    world.clock.move(timedelta(days=4))
    answer = await snooze_by_preset(ana, request, SnoozePreset.TOMORROW, queue=world.queue, now=world.now)
    assert "Mon 30 Nov, 09:00" in answer.text


async def test_the_answer_is_absolute_and_can_be_undone(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    answer = await snooze_by_preset(ana, request, SnoozePreset.TOMORROW, queue=world.queue, now=world.now)
    assert answer.text == "acme/api#12: Snoozed until Tue 24 Nov, 09:00 (Europe/Berlin)."
    assert [button["action_id"] for button in buttons_of(answer)] == ["undo"]


async def test_a_snooze_that_ends_outside_working_hours_says_when_work_starts_again(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    snooze = Snooze(until=MONDAY + 9 * HOUR)
    answer = await snooze_request(ana, request, snooze, queue=world.queue, now=world.now)
    assert "Mon 23 Nov, 19:00" in answer.text
    assert "at work again Tue 24 Nov, 09:00" in answer.text


async def test_a_review_can_wait_for_a_change(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await snooze_by_preset(ana, request, SnoozePreset.CHANGE, queue=world.queue, now=world.now)
    changed = await world.request(request)
    assert (changed.snoozed_until, changed.is_snoozed_until_change) == (None, True)


async def test_everything_can_be_snoozed_at_once(world: World) -> None:
    ana = await world.person("ana")
    first, second = await world.ask("ana", 12), await world.ask("ana", 13)
    await world.ask("cho", 13)
    await snooze_everything(ana, MONDAY + 2 * HOUR, queue=world.queue, now=world.now)
    assert (await world.person("ana")).snoozed_until == MONDAY + 2 * HOUR
    assert await world.jobs() == [first, second]


async def test_off_ends_every_snooze(world: World) -> None:
    ana = await world.person("ana")
    first, other = await world.ask("ana", 12), await world.ask("ana", 13)
    await snooze_everything(ana, MONDAY + HOUR, queue=world.queue, now=world.now)
    await snooze_by_preset(ana, first, SnoozePreset.CHANGE, queue=world.queue, now=world.now)
    await world.jobs()
    await end_snoozes(await world.person("ana"), queue=world.queue, now=world.now)
    assert (await world.person("ana")).snoozed_until is None
    assert not (await world.request(first)).is_snoozed_until_change
    assert await world.jobs() == [first, other]


async def test_off_for_one_review_leaves_the_others(world: World) -> None:
    ana = await world.person("ana")
    first, other = await world.ask("ana", 12), await world.ask("ana", 13)
    for request in (first, other):
        await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    await end_snooze_of_request(ana, first, queue=world.queue, now=world.now)
    assert (await world.request(first)).snoozed_until is None
    assert (await world.request(other)).snoozed_until == MONDAY + HOUR


async def test_off_with_nothing_snoozed_says_so(world: World) -> None:
    answer = await end_snoozes(await world.person("ana"), queue=world.queue, now=world.now)
    assert answer.text == "Nothing is snoozed, so nothing was changed."


async def test_nobody_snoozes_the_review_of_somebody_else(world: World) -> None:
    cho, request = await world.person("cho"), await world.ask("ana")
    await world.person("ana")
    with pytest.raises(UserError, match="not asked of you"):
        await snooze_by_preset(cho, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    assert (await world.request(request)).snoozed_until is None


async def test_a_finished_review_cannot_be_snoozed(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await close_review_requests([(request, CloseReason.APPROVED)], world.now)
    with pytest.raises(UserError, match="over"):
        await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)


async def test_the_past_is_refused(world: World) -> None:
    with pytest.raises(UserError, match="in the past"):
        await snooze_everything(await world.person("ana"), MONDAY - HOUR, queue=world.queue, now=world.now)


async def test_a_snooze_into_an_absence_names_the_day_after_it(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await insert_absence(ana.id, MONDAY + HOUR, datetime(2026, 11, 25, 23, tzinfo=UTC))
    ana = await world.person("ana")
    answer = await snooze_by_preset(ana, request, SnoozePreset.TOMORROW, queue=world.queue, now=world.now)
    assert "at work again Thu 26 Nov, 09:00" in answer.text


async def test_the_end_of_a_snooze_says_what_else_holds_reminders_back(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    answer = await end_snooze_of_request(ana, request, queue=world.queue, now=world.now)
    assert answer.text == "The snooze of acme/api#12 is over. Reminders about it come again."
    await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    await snooze_everything(ana, MONDAY + 2 * HOUR, queue=world.queue, now=world.now)
    answer = await end_snooze_of_request(ana, request, queue=world.queue, now=world.now)
    assert answer.text.endswith("is over. All reminders are snoozed until Mon 23 Nov, 12:00 (Europe/Berlin).")
    await mute(ana, request, queue=world.queue, now=world.now)
    answer = await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    assert answer.text.endswith("11:00 (Europe/Berlin). Muted: no more reminders about this one.")
    answer = await end_snooze_of_request(ana, request, queue=world.queue, now=world.now)
    assert answer.text.endswith("is over. Muted: no more reminders about this one.")
    answer = await unmute(ana, request, queue=world.queue, now=world.now)
    assert answer.text.startswith("acme/api#12 is not muted any more. All reminders are snoozed until Mon")


async def test_a_snooze_within_a_longer_one_says_so(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await snooze_everything(ana, MONDAY + 2 * HOUR, queue=world.queue, now=world.now)
    answer = await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    assert "11:00 (Europe/Berlin). All reminders are snoozed until Mon 23 Nov, 12:00" in answer.text
    answer = await snooze_by_preset(ana, request, SnoozePreset.TOMORROW, queue=world.queue, now=world.now)
    assert answer.text == "acme/api#12: Snoozed until Tue 24 Nov, 09:00 (Europe/Berlin)."


async def test_off_says_that_the_reader_is_out_or_never_at_work(world: World) -> None:
    ana = await world.person("ana")
    await snooze_everything(ana, MONDAY + HOUR, queue=world.queue, now=world.now)
    answer = await end_snoozes(ana, queue=world.queue, now=world.now)
    assert answer.text == "The snooze is over. Reminders come again in your working hours."
    await snooze_everything(ana, MONDAY + HOUR, queue=world.queue, now=world.now)
    await insert_absence(ana.id, MONDAY, datetime(2026, 11, 25, 23, tzinfo=UTC))
    ana = await world.person("ana")
    answer = await end_snoozes(ana, queue=world.queue, now=world.now)
    assert answer.text == (
        "The snooze is over. You are out of office until Wed 25 Nov. Reminders come again after that."
    )
    await snooze_everything(ana, MONDAY + HOUR, queue=world.queue, now=world.now)
    idle = ana.model_copy(update={"spans": {}})
    answer = await end_snoozes(idle, queue=world.queue, now=world.now)
    assert answer.text == "The snooze is over. You have no working hours, so no reminders come."
