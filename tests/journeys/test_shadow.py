"""Shadow mode: all is decided and recorded, nothing is asked or sent, and turning it on makes no burst."""

from dataclasses import replace

import pytest

from bot.actions.explain import explain
from tests.journeys.whole import Whole


@pytest.fixture
def shadowed(ripe: Whole) -> Whole:
    """A bot whose admin has not turned it on. That its GitHub and Slack are local is none of its business."""
    settings = ripe.app.settings.model_copy(update={"ripe_mode": "shadow", "sandbox_url": None})
    ripe.app = replace(ripe.app, settings=settings)
    return ripe


def turn_on(ripe: Whole) -> None:
    settings = ripe.app.settings.model_copy(update={"ripe_mode": "live"})
    ripe.app = replace(ripe.app, settings=settings)


async def told_about(ripe: Whole, name: str) -> str:
    return "\n".join(await explain(ripe.app.workspace_id, name, ripe.clock.now()))


async def test_in_shadow_mode_reviewers_are_chosen_and_not_asked(shadowed: Whole) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    assert pull.requested == []
    told = await told_about(shadowed, "acme/api#1")
    assert "cho asked: owns docs/**." in told
    assert "Nobody was really asked: shadow mode." in told


async def test_in_shadow_mode_dms_are_recorded_and_not_sent(shadowed: Whole) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    shadowed.github.request_review(pull, ["cho"], by="ben")
    await shadowed.pass_time(hours=5)
    assert [shadowed.messages(name) for name in ("ana", "ben", "cho")] == [[], [], []]
    told = await told_about(shadowed, "acme/api#1")
    assert told.count("would have been sent (shadow mode)") == 2


async def test_once_ripe_is_turned_on_the_next_reminder_is_sent_and_struck_when_it_is_over(
    shadowed: Whole,
) -> None:
    pull = await shadowed.open_pull_request("docs/intro.md")
    shadowed.github.request_review(pull, ["cho"], by="ben")
    await shadowed.pass_time(hours=1)
    turn_on(shadowed)
    await shadowed.settle()
    assert shadowed.messages("cho") == []
    await shadowed.pass_time(hours=4)
    (dm,) = shadowed.live("cho")
    assert "This is the first of these." in dm
    shadowed.github.merge(pull)
    await shadowed.settle()
    assert shadowed.live("cho") == []
    assert len(shadowed.dms("cho")) == 1
