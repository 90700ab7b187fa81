"""At most one DM for a row of the outbox, wherever a worker or a connection dies."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.flows import outbox
from bot.flows.outbox import RECONCILE_AFTER, key_of
from bot.flows.reminder_state import load_reminder_states
from bot.model import RequestId
from bot.people.model import Person
from bot.people.store import load_person, mark_welcomed
from bot.reminders.model import Message, MessageState
from bot.reminders.store import begin_sending, record_sent, record_shadow, record_state
from bot.sandbox.slack.model import Fault
from jobq import Postpone
from tests.flows.scene import AFTER_SLACK, BEFORE_SLACK, RATE_LIMIT, Scene, rendered

SENDING, SENT, UNKNOWN, FAILED = (
    MessageState.SENDING,
    MessageState.SENT,
    MessageState.UNKNOWN,
    MessageState.FAILED,
)
CARD = rendered("Please review")

Crash = Callable[[Scene, Person, int], Awaitable[None]]


async def begin(scene: Scene) -> tuple[Person, RequestId, int]:
    """A row that says SENDING, with the welcome text in it, as `reminding` writes it."""
    ana, request_id = await scene.ask("ana")
    request = await scene.world.request(request_id)
    message_id = await begin_sending(request, 0, ana.id, scene.world.now)
    await mark_welcomed(ana.id, scene.world.now)
    return await load_person(ana.id), request_id, message_id


async def post(scene: Scene, ana: Person, message_id: int) -> None:
    await outbox.post(message_id, ana, CARD, "card", slack=scene.gateway, clock=scene.world.clock)


async def the_message(scene: Scene, request_id: RequestId) -> Message:
    (state,) = await load_reminder_states([request_id], scene.world.now)
    (message,) = state.messages
    return message


async def reconcile(scene: Scene, ana: Person, request_id: RequestId) -> None:
    message = await the_message(scene, request_id)
    await outbox.reconcile(message, ana, slack=scene.gateway, clock=scene.world.clock)


async def test_a_dm_that_arrived_is_recorded_with_its_address(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    await post(scene, ana, message_id)
    (dm,) = scene.dms("ana")
    message = await the_message(scene, request_id)
    assert (message.state, message.ts, message.shown) == (SENT, dm.ts, "card")
    assert (message.channel, message.sent_at) == (dm.channel, scene.world.now)
    assert (await load_person(ana.id)).dm_channel == dm.channel


@pytest.mark.parametrize("fault", [BEFORE_SLACK, AFTER_SLACK], ids=["not posted", "posted"])
async def test_a_dm_whose_reply_was_lost_is_unknown_until_it_is_reconciled(
    scene: Scene, fault: Fault
) -> None:
    ana, request_id, message_id = await begin(scene)
    scene.slack.faults.add(fault)
    with pytest.raises(Postpone) as later:
        await post(scene, ana, message_id)
    assert later.value.until == scene.world.now + RECONCILE_AFTER
    message = await the_message(scene, request_id)
    assert (message.state, message.ts) == (UNKNOWN, None)
    assert message.is_unresolved


async def test_a_server_error_of_slack_may_have_posted_the_dm(scene: Scene) -> None:
    ana, _, message_id = await begin(scene)
    scene.slack.faults.add(Fault(method="chat.postMessage", kind="error", moment="after", status=503))
    with pytest.raises(Postpone):
        await post(scene, ana, message_id)
    assert await scene.state_of(message_id) is UNKNOWN


async def test_a_dm_that_slack_wants_later_may_be_begun_again_and_welcomes_then(scene: Scene) -> None:
    ana, _, message_id = await begin(scene)
    scene.slack.faults.add(RATE_LIMIT)
    with pytest.raises(Postpone) as later:
        await post(scene, ana, message_id)
    assert later.value.until == scene.world.now + timedelta(seconds=300)
    assert await scene.state_of(message_id) is None
    assert (await load_person(ana.id)).welcomed_at is None
    assert scene.dms("ana") == []


async def test_the_welcome_of_an_earlier_dm_is_not_forgotten_with_a_later_one(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    await post(scene, ana, message_id)
    scene.world.clock.move(timedelta(hours=4))
    second = await begin_sending(await scene.world.request(request_id), 1, ana.id, scene.world.now)
    scene.slack.faults.add(RATE_LIMIT)
    with pytest.raises(Postpone):
        await post(scene, await load_person(ana.id), second)
    assert (await load_person(ana.id)).welcomed_at == ana.welcomed_at


async def test_a_dm_that_slack_refuses_has_failed_for_good(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    scene.deactivate("ana")
    await post(scene, ana, message_id)
    message = await the_message(scene, request_id)
    assert (message.state, message.error) == (FAILED, "user_disabled")
    assert not message.is_unresolved


async def die_before_slack(scene: Scene, ana: Person, message_id: int) -> None:
    """The worker died after the commit of the row."""


async def die_after_slack(scene: Scene, ana: Person, message_id: int) -> None:
    """The worker died before it recorded Slack's answer."""
    await scene.post_as_the_dead_worker_did(ana, key_of(message_id))


async def lose_the_call(scene: Scene, ana: Person, message_id: int) -> None:
    await record_state(message_id, UNKNOWN, "cut")


async def lose_the_reply(scene: Scene, ana: Person, message_id: int) -> None:
    await scene.post_as_the_dead_worker_did(ana, key_of(message_id))
    await record_state(message_id, UNKNOWN, "cut")


@pytest.mark.parametrize(
    ("crash", "has_arrived"),
    [(die_before_slack, False), (die_after_slack, True), (lose_the_call, False), (lose_the_reply, True)],
)
async def test_history_decides_whether_an_unresolved_dm_is_adopted_or_sent_again(
    scene: Scene, crash: Crash, has_arrived: bool
) -> None:
    ana, request_id, message_id = await begin(scene)
    await crash(scene, ana, message_id)
    await scene.pass_real_time()
    await reconcile(scene, ana, request_id)
    if not has_arrived:
        assert await scene.state_of(message_id) is None
        assert (await load_person(ana.id)).welcomed_at is None
        return
    (dm,) = scene.dms("ana")
    message = await the_message(scene, request_id)
    assert (message.state, message.ts, message.sent_at) == (SENT, dm.ts, scene.world.now)
    assert message.shown == "", "what it shows is not known, so it must be edited next"
    assert (await load_person(ana.id)).welcomed_at == ana.welcomed_at


async def test_a_dm_of_another_row_is_not_mistaken_for_this_one(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    await scene.post_as_the_dead_worker_did(ana, key_of(message_id + 1))
    await scene.pass_real_time()
    await reconcile(scene, ana, request_id)
    assert await scene.state_of(message_id) is None


async def test_history_is_not_asked_while_the_call_may_still_be_on_the_wire(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    with pytest.raises(Postpone) as later:
        await reconcile(scene, ana, request_id)
    waits = later.value.until - scene.world.now
    assert RECONCILE_AFTER - timedelta(seconds=10) < waits <= RECONCILE_AFTER
    assert await scene.state_of(message_id) is SENDING


async def test_history_that_does_not_answer_is_asked_again_later(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    await scene.post_as_the_dead_worker_did(ana, key_of(message_id))
    await scene.pass_real_time()
    scene.slack.faults.add(Fault(method="conversations.history", kind="error"))
    with pytest.raises(Postpone):
        await reconcile(scene, ana, request_id)
    assert await scene.state_of(message_id) is SENDING
    await reconcile(scene, ana, request_id)
    assert await scene.state_of(message_id) is SENT


async def test_shadow_mode_records_a_dm_and_sends_none(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    await outbox.post(message_id, ana, CARD, "card", slack=None, clock=scene.world.clock)
    message = await the_message(scene, request_id)
    assert (message.state, message.is_shadow, message.shown) == (SENT, True, "card")
    assert scene.dms("ana") == []


async def test_in_shadow_mode_an_unresolved_dm_cannot_have_arrived(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    message = await the_message(scene, request_id)
    await outbox.reconcile(message, ana, slack=None, clock=scene.world.clock)
    assert await scene.state_of(message_id) is None


async def test_a_dm_that_was_recorded_as_sent_meanwhile_is_never_forgotten(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    outdated = await the_message(scene, request_id)
    await record_sent(message_id, "D1", "1.1", "card", scene.world.now)
    await outbox.reconcile(outdated, ana, slack=None, clock=scene.world.clock)
    assert await scene.state_of(message_id) is SENT
    assert (await load_person(ana.id)).welcomed_at == ana.welcomed_at


async def test_a_dm_is_edited_and_a_refusal_is_told_once(scene: Scene) -> None:
    ana, request_id, message_id = await begin(scene)
    await post(scene, ana, message_id)
    message = await the_message(scene, request_id)
    new = rendered("Merged")
    assert await outbox.edit(message, new, slack=scene.gateway, clock=scene.world.clock) is None
    assert [dm.text for dm in scene.dms("ana")] == ["Merged"]
    gone = message.model_copy(update={"ts": "1.000001"})
    refusal = await outbox.edit(gone, new, slack=scene.gateway, clock=scene.world.clock)
    assert refusal == "message_not_found"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_edit_whose_reply_was_lost_is_made_again(scene: Scene, moment: str) -> None:
    ana, request_id, message_id = await begin(scene)
    await post(scene, ana, message_id)
    message = await the_message(scene, request_id)
    fault = {"method": "chat.update", "kind": "cut", "moment": moment}
    scene.slack.faults.add(Fault.model_validate(fault))
    with pytest.raises(Postpone):
        await outbox.edit(message, rendered("Merged"), slack=scene.gateway, clock=scene.world.clock)
    assert (
        await outbox.edit(message, rendered("Merged"), slack=scene.gateway, clock=scene.world.clock) is None
    )
    assert [dm.text for dm in scene.dms("ana")] == ["Merged"]


async def test_a_dm_of_shadow_mode_has_no_address_to_edit(scene: Scene) -> None:
    _, request_id, message_id = await begin(scene)
    await record_shadow(message_id, "card", scene.world.now)
    message = await the_message(scene, request_id)
    refusal = await outbox.edit(message, CARD, slack=scene.gateway, clock=scene.world.clock)
    assert refusal == "shadow mode"
