"""Undo restores the exact state before an action: once, in time, and only for the person who acted."""

from datetime import timedelta

import pytest

from bot.actions.absence import come_back, go_away
from bot.actions.mute import mute
from bot.actions.snooze import SnoozePreset, end_snoozes, snooze_by_preset, snooze_everything
from bot.actions.undo import UNDO_WITHIN, undo
from bot.model import UserError
from bot.people.store import list_absences
from tests.actions.world import World, action_of
from tests.factories import MONDAY

HOUR = timedelta(hours=1)


async def test_undo_restores_the_earlier_snooze(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await snooze_by_preset(ana, request, SnoozePreset.CHANGE, queue=world.queue, now=world.now)
    answer = await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    await world.jobs()
    undone = await undo(ana, action_of(answer), queue=world.queue, now=world.now)
    restored = await world.request(request)
    assert (restored.snoozed_until, restored.is_snoozed_until_change) == (None, True)
    assert await world.jobs() == [request]
    assert undone.text.startswith("Undone.")


async def test_undo_of_off_restores_every_snooze(world: World) -> None:
    ana = await world.person("ana")
    first, other = await world.ask("ana", 12), await world.ask("ana", 13)
    await snooze_everything(ana, MONDAY + HOUR, queue=world.queue, now=world.now)
    await snooze_by_preset(ana, first, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    answer = await end_snoozes(ana, queue=world.queue, now=world.now)
    await undo(ana, action_of(answer), queue=world.queue, now=world.now)
    assert (await world.person("ana")).snoozed_until == MONDAY + HOUR
    assert (await world.request(first)).snoozed_until == MONDAY + HOUR
    assert (await world.request(other)).snoozed_until is None


async def test_undo_unmutes(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    answer = await mute(ana, request, queue=world.queue, now=world.now)
    await undo(ana, action_of(answer), queue=world.queue, now=world.now)
    assert not (await world.request(request)).is_muted


async def test_undo_of_an_absence_and_of_a_return(world: World) -> None:
    ana = await world.person("ana")
    gone = await go_away(ana, MONDAY, MONDAY + 48 * HOUR, queue=world.queue, now=world.now)
    [absence] = await list_absences(ana.id, world.now)
    back = await come_back(ana, queue=world.queue, now=world.now)
    assert await list_absences(ana.id, world.now) == ()
    await undo(ana, action_of(back), queue=world.queue, now=world.now)
    assert await list_absences(ana.id, world.now) == (absence,)
    await undo(ana, action_of(gone), queue=world.queue, now=world.now)
    assert await list_absences(ana.id, world.now) == ()


async def test_a_second_press_says_so(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    answer = await mute(ana, request, queue=world.queue, now=world.now)
    await undo(ana, action_of(answer), queue=world.queue, now=world.now)
    with pytest.raises(UserError, match="undone already"):
        await undo(ana, action_of(answer), queue=world.queue, now=world.now)


async def test_after_a_day_it_is_too_late(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    answer = await mute(ana, request, queue=world.queue, now=world.now)
    world.clock.move(UNDO_WITHIN + timedelta(seconds=1))
    with pytest.raises(UserError, match="24 hours"):
        await undo(ana, action_of(answer), queue=world.queue, now=world.now)
    assert (await world.request(request)).is_muted


async def test_a_later_change_is_not_undone(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    first = await snooze_by_preset(ana, request, SnoozePreset.HOUR, queue=world.queue, now=world.now)
    await snooze_by_preset(ana, request, SnoozePreset.TOMORROW, queue=world.queue, now=world.now)
    before = await world.request(request)
    with pytest.raises(UserError, match="changed again"):
        await undo(ana, action_of(first), queue=world.queue, now=world.now)
    assert await world.request(request) == before


async def test_nobody_undoes_the_action_of_somebody_else(world: World) -> None:
    ana, cho, request = await world.person("ana"), await world.person("cho"), await world.ask("ana")
    answer = await mute(ana, request, queue=world.queue, now=world.now)
    with pytest.raises(UserError, match="nothing of yours"):
        await undo(cho, action_of(answer), queue=world.queue, now=world.now)
    assert (await world.request(request)).is_muted
