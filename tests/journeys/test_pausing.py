"""`/reviews admin`: an admin pauses and resumes, goes live and back to shadow mode, and nobody else does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.actions.admin import ADMIN
from bot.actions.explain import explain
from bot.doctor.model import State
from bot.doctor.queue import judge_paused
from bot.modes import ModeSwitch, list_pauses
from bot.sandbox.slack.model import Fault
from tests.journeys.test_leaving import installation_of
from tests.journeys.whole import Whole

OLGA = "olga"
"""An owner of the workspace, with no GitHub account."""


async def order(ripe: Whole, text: str = "", name: str = OLGA) -> str:
    """Runs `/reviews admin ...` and returns the answer."""
    reply = await ripe.slack.run_command(name, "/reviews", f"admin {text}".strip())
    assert reply.error is None, reply
    await ripe.settle()
    return ripe.dms(name)[-1]


async def press(ripe: Whole, word: str) -> str:
    """Presses a button under the last answer to Olga and returns the new answer."""
    reply = await ripe.slack.click(OLGA, ripe.messages(OLGA)[-1].ts, f"{ADMIN}:{word}")
    assert reply.error is None, reply
    await ripe.settle()
    return ripe.dms(OLGA)[-1]


async def explanation_of(ripe: Whole, name: str) -> str:
    return "\n".join(await explain(ripe.app.workspace_id, name, ripe.clock.now()))


async def test_nobody_is_asked_or_reminded_during_a_pause_and_all_goes_on_after_it(ripe: Whole) -> None:
    answer = await order(ripe, "pause")
    assert "Paused by olga since Mon 23 Nov, 10:00 (Europe/Berlin)" in answer
    pull = await ripe.open_pull_request("docs/intro.md")
    await ripe.pass_time(days=1)
    assert pull.requested == []
    assert ripe.reminders("cho") == 0
    assert (await order(ripe, "resume")).startswith("Live")
    await ripe.pass_time(minutes=2)
    assert pull.requested == ["cho"]
    assert len(ripe.live("cho")) == 1


async def test_a_reminder_due_during_a_pause_comes_once_and_not_at_night(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await order(ripe, "pause")
    await ripe.pass_time(days=3, hours=12)  # Thursday, 22:00 in Berlin
    assert ripe.reminders("cho") == 1
    await order(ripe, "resume")
    await ripe.pass_time(hours=9)
    assert ripe.reminders("cho") == 1
    await ripe.pass_time(hours=3)
    assert ripe.reminders("cho") == 2


async def test_a_review_that_ends_during_a_pause_is_struck_at_once_and_never_reminded_of(ripe: Whole) -> None:
    pull = await ripe.open_pull_request("docs/intro.md")
    await order(ripe, "pause")
    ripe.github.merge(pull)
    await ripe.settle()
    assert ripe.live("cho") == []
    await order(ripe, "resume")
    await ripe.pass_time(days=2)
    assert ripe.reminders("cho") == 1


async def test_the_author_is_not_notified_during_a_pause(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    await order(ripe, "pause")
    before = len(ripe.dms("ben"))
    await ripe.pass_time(days=4)
    assert len(ripe.dms("ben")) == before
    await order(ripe, "resume")
    await ripe.pass_time(days=3)
    assert len(ripe.dms("ben")) == before + 1


async def test_a_pause_says_who_and_since_when_wherever_somebody_asks_why(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    assert "paused" not in await explanation_of(ripe, "acme/api#1")
    await order(ripe, "pause")
    assert "Nothing more is sent: paused by olga since 2037-11-23 09:02Z." in await explanation_of(
        ripe, "acme/api#1"
    )
    await ripe.slack.run_command("cho", "/reviews", "why acme/api#1")
    assert "Nothing is sent about it for now: paused by olga since" in ripe.dms("cho")[-1]


async def test_why_names_a_suspended_installation(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    ripe.github.suspend(installation_of(ripe))
    await ripe.settle()
    assert "Nothing more is sent: the installation is suspended" in await explanation_of(ripe, "acme/api#1")


async def test_only_admins_run_ripe(ripe: Whole) -> None:
    for text in ("", "pause", "resume", "live", "shadow", "dance"):
        assert "Only admins and owners" in await order(ripe, text, "cho")
    assert await list_pauses() == ()


async def test_an_impossible_command_is_explained_and_changes_nothing(ripe: Whole) -> None:
    assert "Ripe is not paused." in await order(ripe, "resume")
    assert "Ripe is live already." in await order(ripe, "live")
    refused = await order(ripe, "dance *now*")
    assert "does not know" in refused
    assert "`/reviews admin pause`" in refused
    await order(ripe, "pause")
    (first,) = await list_pauses()
    ripe.clock.shift += timedelta(hours=1)
    assert "paused already" in await order(ripe, "pause")
    assert await list_pauses() == (first,)


async def test_a_person_whom_slack_does_not_identify_is_no_admin(ripe: Whole) -> None:
    ripe.slack.faults.add(Fault(method="users.info", kind="error"))
    assert "Slack does not tell who you are: nothing was changed." in await order(ripe, "pause")
    assert await list_pauses() == ()


async def test_shadow_mode_begins_and_ends_without_a_restart(ripe: Whole) -> None:
    answer = await order(ripe, "shadow")
    assert "Shadow mode:" in answer
    assert "Chosen by olga" in answer
    pull = await ripe.open_pull_request("docs/intro.md")
    assert pull.requested == []
    await press(ripe, "live")
    other = await ripe.open_pull_request("docs/other.md")
    assert other.requested == ["cho"]


async def test_the_buttons_pause_and_resume(ripe: Whole) -> None:
    await order(ripe)
    assert "Paused" in await press(ripe, "pause")
    assert "Paused by" not in await press(ripe, "resume")


async def test_the_mode_that_the_environment_sets_is_not_turned(ripe: Whole) -> None:
    office = replace(ripe.app, switch=ModeSwitch(fixed="live"))
    assert (await office.switch.load()).mode == "live"
    await ModeSwitch().turn("shadow", "Olga", ripe.clock.now())
    assert await office.switch.is_live()


async def test_a_pause_of_more_than_a_day_is_perhaps_forgotten(ripe: Whole) -> None:
    assert judge_paused(await list_pauses(), ripe.clock.now()).state is State.OK
    await order(ripe, "pause")
    assert judge_paused(await list_pauses(), ripe.clock.now()).state is State.OK
    later = ripe.clock.now() + timedelta(days=1, minutes=1)
    finding = judge_paused(await list_pauses(), later)
    assert finding.state is State.WARNING
    assert "paused by olga" in finding.detail
    assert "/reviews admin resume" in str(finding.fix)


@pytest.mark.parametrize(
    ("name", "user_id", "sees"), [(OLGA, "U0OLGA0001", True), ("cho", "U0CHO00001", False)]
)
async def test_admins_find_the_buttons_in_their_app_home(
    ripe: Whole, name: str, user_id: str, sees: bool
) -> None:
    await ripe.slack.open_home(name)
    await ripe.settle()
    home = ripe.slack.home_of(user_id)
    assert home is not None
    assert ("[Pause all]" in ripe.slack.rendered_view(home)) is sees
