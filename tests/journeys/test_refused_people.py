"""Slack refuses DMs to somebody: an admin hears of it once, and what was refused is decided anew."""

from datetime import timedelta
from functools import partial
from typing import Any

from bot.actions.explain import explain
from bot.flows.catalog import TELL_ADMIN, repair_job
from bot.flows.refused_people import decide_refused_anew, list_refused_people
from bot.jobs.tell_admin import tell_admin
from bot.sandbox.github.model import Pull
from bot.slack.gateway import SlackGateway
from bot.worker import build_handlers
from jobq import Handler
from jobq.testing import drain
from tests.journeys.test_obstacles import to_admins
from tests.journeys.whole import Whole


def deactivate(ripe: Whole, name: str, *, deleted: bool = True) -> None:
    """No event tells the bot, and the bot has no DM channel with this person."""
    (user,) = (user for user in ripe.slack.state.users.values() if user.name == name)
    user.deleted = deleted


async def ask(ripe: Whole, *names: str) -> Pull:
    pull = ripe.github.open_pull_request("acme/web", "ben", "Round up", ["src/main.py"])
    ripe.github.request_review(pull, names, by="ben")
    await ripe.settle()
    return pull


async def test_one_admin_hears_once_a_day_of_everybody_who_gets_no_dms(ripe: Whole) -> None:
    deactivate(ripe, "ana")
    deactivate(ripe, "cho")
    await ask(ripe, "ana", "cho")
    await ripe.pass_time(minutes=10)
    [notice] = to_admins(ripe)
    assert "Slack refuses DMs to ana since Mon 23 Nov" in notice
    assert "Slack refuses DMs to cho" in notice
    assert "user_disabled" in notice
    await ask(ripe, "ana")
    await ripe.pass_time(days=3)
    assert to_admins(ripe) == [notice]


async def test_a_refusal_that_comes_while_a_notice_is_sent_is_in_the_next_one(ripe: Whole) -> None:
    deactivate(ripe, "ana")
    deactivate(ripe, "cho")
    await ask(ripe, "ana")

    class Slack(SlackGateway):
        """Cho is refused just before the notice leaves."""

        async def post_dm(self, *args: Any) -> str:
            await ask(ripe, "cho")
            return await super().post_dm(*args)

    settings = ripe.app.settings
    assert settings.slack_bot_token is not None
    slack = Slack(settings.slack_bot_token, settings.slack_api_url, now=ripe.clock.now)
    telling: Handler = partial(tell_admin, slack=slack, clock=ripe.clock)
    handlers = {**build_handlers(ripe.app), TELL_ADMIN: telling}
    ripe.clock.shift += timedelta(minutes=2)
    try:
        await drain(ripe.app.queue, handlers)
    finally:
        await slack.close()
    [first] = to_admins(ripe)
    assert "Slack refuses DMs to ana" in first
    assert "to cho" not in first
    await ripe.pass_time(days=2)
    assert ["Slack refuses DMs to cho" in notice for notice in to_admins(ripe)] == [False, True]


async def test_a_refusal_is_shown_by_why(ripe: Whole) -> None:
    deactivate(ripe, "ana")
    pull = await ask(ripe, "ana")
    lines = "\n".join(await explain(ripe.app.workspace_id, f"acme/web#{pull.number}", ripe.clock.now()))
    assert "Slack refuses DMs to ana since 2037-11-23" in lines
    assert "first DM failed: user_disabled" in lines
    assert [person.name for person in await list_refused_people()] == ["ana"]


async def test_a_person_whose_return_nobody_announced_gets_the_dm_after_the_next_repair(ripe: Whole) -> None:
    deactivate(ripe, "ana")
    await ask(ripe, "ana")
    deactivate(ripe, "ana", deleted=False)
    await ripe.pass_time(hours=1)
    assert ripe.reminders("ana") == 0
    await ripe.pass_time(hours=22)
    await ripe.app.queue.save(repair_job())
    await ripe.pass_time(hours=1, minutes=30)
    assert len(ripe.dms("ana")) == 1


async def test_somebody_who_is_still_refused_is_asked_for_once_a_day(ripe: Whole) -> None:
    deactivate(ripe, "ana")
    await ask(ripe, "ana")
    calls = len(opened(ripe))
    for _ in range(3):
        await ripe.app.queue.save(repair_job())
        await ripe.pass_time(hours=2)
    assert len(opened(ripe)) == calls


def opened(ripe: Whole) -> list[object]:
    calls = (call for call in ripe.slack.calls if call.method == "conversations.open")
    return [call for call in calls if "ANA" in call.arguments["users"]]


async def test_after_a_reinstall_all_that_was_refused_is_decided_anew(ripe: Whole) -> None:
    deactivate(ripe, "ana")
    await ask(ripe, "ana")
    deactivate(ripe, "ana", deleted=False)
    jobs = await decide_refused_anew(ripe.clock.now(), ripe.app.workspace_id)
    await ripe.app.queue.save_all(jobs)
    await ripe.settle()
    assert ripe.reminders("ana") == 1


async def test_edits_that_an_earlier_release_gave_up_are_made_after_all(ripe: Whole) -> None:
    pull = await ask(ripe, "ana")
    ripe.github.merge(pull, by="ben")
    await ripe.settle()
    live, database = ripe.dms("ana"), ripe.app.database
    await database.execute("UPDATE message SET error = 'invalid_auth', shown = 'merged, as it believed'")
    (message,) = ripe.messages("ana")
    message.text, message.blocks = "still asks", []
    await ripe.app.queue.save(repair_job())
    await ripe.pass_time(minutes=1)
    assert ripe.dms("ana") == live
    assert await database.fetchval("SELECT error FROM message WHERE request_id IS NOT NULL") is None


async def test_an_edit_that_slack_refuses_for_good_is_not_made_every_day(ripe: Whole) -> None:
    await ask(ripe, "ana")
    await ripe.app.database.execute("UPDATE message SET error = 'edit_window_closed'")
    before = len(ripe.slack.calls)
    await ripe.app.queue.save(repair_job())
    await ripe.settle()
    assert len(ripe.slack.calls) == before
