"""A person whom Slack deactivated comes back."""

import pytest

from bot.flows.catalog import remind_reviewer_job
from bot.flows.profiles import follow_profile
from bot.reminders.model import MessageState
from bot.reminders.store import begin_sending, record_state
from bot.slack.gateway import SlackUser
from tests.actions.world import BERLIN, World


async def test_a_dm_that_slack_refused_is_decided_anew_when_the_person_is_back(world: World) -> None:
    ana, request = await world.person("ana"), await world.request(await world.ask("ana"))
    message_id = await begin_sending(request, 0, ana.id, world.now)
    await record_state(message_id, MessageState.FAILED, "user_disabled")
    away = SlackUser(id=ana.slack_user_id, name="ana", zone=BERLIN, is_active=False)
    await follow_profile(world.workspace_id, away, queue=world.queue)
    assert await world.db.fetchval("SELECT count(*) FROM message") == 1
    back = away.model_copy(update={"is_active": True})
    await follow_profile(world.workspace_id, back, queue=world.queue)
    assert await world.db.fetchval("SELECT count(*) FROM message") == 0
    assert "remind_reviewer" in [queued.job.job_type for queued in await world.queue.queued()]


async def test_a_return_that_no_event_announced_is_noticed_with_the_next_change(world: World) -> None:
    ana, request = await world.person("ana"), await world.request(await world.ask("ana"))
    message_id = await begin_sending(request, 0, ana.id, world.now)
    await record_state(message_id, MessageState.FAILED, "user_disabled")
    same = SlackUser(id=ana.slack_user_id, name="ana", zone=BERLIN)
    assert await follow_profile(world.workspace_id, same, queue=world.queue)
    assert await world.db.fetchval("SELECT count(*) FROM message") == 0
    assert [queued.job for queued in await world.queue.queued()] == [remind_reviewer_job(request.id)]


@pytest.mark.parametrize("zone", [None, "Nowhere/Land"])
async def test_a_profile_without_a_zone_keeps_the_one_that_is_known(world: World, zone: str | None) -> None:
    ana = await world.person("ana")
    user = SlackUser(id=ana.slack_user_id, name="ana", zone=zone)
    assert not await follow_profile(world.workspace_id, user, queue=world.queue)
    assert (await world.person("ana")).zone == BERLIN
