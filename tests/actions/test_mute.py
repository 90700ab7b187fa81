"""Muting and unmuting a review."""

import pytest

from bot.actions.mute import mute, unmute
from bot.model import UserError
from tests.actions.world import World, buttons_of


async def test_a_muted_review_stays_muted_until_it_is_unmuted(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    answer = await mute(ana, request, queue=world.queue, now=world.now)
    assert answer.text == "Muted: no more reminders about acme/api#12. It stays in `/reviews`."
    assert (await world.request(request)).is_muted
    assert await world.jobs() == [request]
    await unmute(ana, request, queue=world.queue, now=world.now)
    assert not (await world.request(request)).is_muted
    assert await world.jobs() == [request]


async def test_muting_twice_says_so_and_offers_nothing_to_undo(world: World) -> None:
    ana, request = await world.person("ana"), await world.ask("ana")
    await mute(ana, request, queue=world.queue, now=world.now)
    answer = await mute(ana, request, queue=world.queue, now=world.now)
    assert answer.text == "acme/api#12 is muted already."
    assert buttons_of(answer) == []


async def test_nobody_mutes_somebody_elses_review(world: World) -> None:
    await world.person("ana")
    cho, request = await world.person("cho"), await world.ask("ana")
    with pytest.raises(UserError, match="not asked of you"):
        await mute(cho, request, queue=world.queue, now=world.now)
    assert not (await world.request(request)).is_muted
