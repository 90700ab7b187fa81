"""A person whom Slack deactivated comes back."""

from bot.actions.profile import follow_profile
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
