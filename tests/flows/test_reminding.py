"""One review request: its step and its outbox row are one decision, and any crash leaves at most one DM."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.flows.catalog import TELL_AUTHOR
from bot.flows.outbox import key_of
from bot.flows.reminding import bring_to_rest
from bot.model import RequestId
from bot.people.model import Person
from bot.people.store import load_person
from bot.reminders.model import MessageState
from bot.reminders.store import begin_sending, record_state
from bot.reviews.model import CloseReason
from bot.reviews.store import close_review_requests
from bot.sandbox.slack.model import Fault
from bot.slack.gateway import SlackGateway
from jobq import Discard, HandlerResult, Job, Postpone, Queue
from tests.flows.scene import AFTER_SLACK, BEFORE_SLACK, RATE_LIMIT, Scene

HOUR = timedelta(hours=1)
SENT = MessageState.SENT


async def remind(
    scene: Scene, request_id: RequestId, *, slack: SlackGateway | None = None, queue: Queue | None = None
) -> HandlerResult:
    world = scene.world
    return await bring_to_rest(
        request_id, slack=slack or scene.gateway, queue=queue or world.queue, clock=world.clock
    )


class BrokenQueue(Queue):
    """Fails to save a job, as when the connection to Postgres is lost."""

    async def save(self, job: Job) -> None:
        raise ConnectionError(job.job_type)


async def test_a_due_dm_is_sent_and_the_next_one_waited_for(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    result = await remind(scene, request_id)
    assert isinstance(result, Postpone)
    assert result.until == scene.world.now + 4 * HOUR
    assert len(scene.dms("ana")) == 1
    assert await scene.states() == [SENT]


async def test_a_decision_that_fails_halfway_leaves_nothing_and_sends_nothing(scene: Scene) -> None:
    ana, request_id = await scene.ask("ana")
    world = scene.world
    with pytest.raises(ConnectionError, match=TELL_AUTHOR):
        await remind(scene, request_id, queue=BrokenQueue(world.db, world.clock.now))
    assert await scene.states() == []
    assert (await load_person(ana.id)).welcomed_at is None
    assert scene.dms("ana") == []
    await remind(scene, request_id)
    assert len(scene.dms("ana")) == 1


async def test_the_first_dm_schedules_the_notice_to_the_author_with_it(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    (queued,) = await scene.world.queue.queued()
    assert queued.job.job_type == TELL_AUTHOR
    assert queued.due_at == scene.world.now + timedelta(days=2), "16 working hours later"


async def test_two_workers_at_once_send_one_dm(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    results = await asyncio.gather(*(remind(scene, request_id) for _ in range(5)), return_exceptions=True)
    assert len(scene.dms("ana")) == 1
    # A worker that finds the DM on the wire comes back when its outcome is known.
    assert all(isinstance(result, Postpone) for result in results)
    assert await scene.states() == [SENT]


async def die_before_slack(scene: Scene, ana: Person, request_id: RequestId) -> None:
    request = await scene.world.request(request_id)
    await begin_sending(request, 0, ana.id, scene.world.now)


async def die_after_slack(scene: Scene, ana: Person, request_id: RequestId) -> None:
    request = await scene.world.request(request_id)
    message_id = await begin_sending(request, 0, ana.id, scene.world.now)
    await scene.post_as_the_dead_worker_did(ana, key_of(message_id))


async def die_while_reconciling(scene: Scene, ana: Person, request_id: RequestId) -> None:
    """The reply was lost, and the worker that asked the history died before it recorded the answer."""
    request = await scene.world.request(request_id)
    message_id = await begin_sending(request, 0, ana.id, scene.world.now)
    await record_state(message_id, MessageState.UNKNOWN, "cut")
    await scene.post_as_the_dead_worker_did(ana, key_of(message_id))


async def lose_the_call(scene: Scene, ana: Person, request_id: RequestId) -> None:
    scene.slack.faults.add(BEFORE_SLACK)


async def lose_the_reply(scene: Scene, ana: Person, request_id: RequestId) -> None:
    scene.slack.faults.add(AFTER_SLACK)


async def hit_the_rate_limit(scene: Scene, ana: Person, request_id: RequestId) -> None:
    scene.slack.faults.add(RATE_LIMIT)


Crash = Callable[[Scene, Person, RequestId], Awaitable[None]]


@pytest.mark.parametrize(
    "crash",
    [
        die_before_slack,
        die_after_slack,
        die_while_reconciling,
        lose_the_call,
        lose_the_reply,
        hit_the_rate_limit,
    ],
)
async def test_after_any_crash_the_reader_has_the_dm_exactly_once(scene: Scene, crash: Crash) -> None:
    ana, request_id = await scene.ask("ana")
    await crash(scene, ana, request_id)
    result = await scene.run_to_rest(lambda: remind(scene, request_id))
    assert isinstance(result, Postpone), "the next reminder is waited for"
    (dm,) = scene.dms("ana")
    assert "Round half to even" in scene.slack.rendered_text(dm)
    assert "[Mute]" in scene.slack.rendered_text(dm)
    assert await scene.states() == [SENT]


async def test_the_welcome_text_comes_with_the_first_dm_that_arrives(scene: Scene) -> None:
    ana, request_id = await scene.ask("ana")
    scene.slack.faults.add(RATE_LIMIT)
    await scene.run_to_rest(lambda: remind(scene, request_id))
    (dm,) = scene.dms("ana")
    assert "This is the first of these." in scene.slack.rendered_text(dm)
    assert (await load_person(ana.id)).welcomed_at == scene.world.now


async def test_a_dm_that_slack_refuses_is_not_tried_again(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    scene.deactivate("ana")
    for _ in range(2):
        assert await remind(scene, request_id) is None
    assert await scene.states() == [MessageState.FAILED]


async def test_a_request_that_ends_strikes_its_dm_even_after_the_edit_was_lost(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    await close_review_requests([(request_id, CloseReason.APPROVED)], scene.world.now)
    scene.slack.faults.add(Fault(method="chat.update", kind="cut", moment="after"))
    assert await scene.run_to_rest(lambda: remind(scene, request_id)) is None
    (dm,) = scene.dms("ana")
    assert "approved by you" in scene.slack.rendered_text(dm)


async def test_an_edit_that_slack_refuses_is_recorded_and_not_tried_again(scene: Scene) -> None:
    _, request_id = await scene.ask("ana")
    await remind(scene, request_id)
    await scene.world.db.execute("UPDATE message SET ts = '1.000001'")
    await close_review_requests([(request_id, CloseReason.APPROVED)], scene.world.now)
    assert await remind(scene, request_id) is None
    assert await scene.world.db.fetchval("SELECT error FROM message") == "message_not_found"


async def test_a_request_that_is_gone_needs_no_job(scene: Scene) -> None:
    result = await remind(scene, RequestId(9))
    assert isinstance(result, Discard)
    assert result.reason == "the review request is gone"
