"""Brings the DMs of one review request up to date, one step at a time."""

from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import digest_job, tell_author_job
from bot.flows.obstacles import Call
from bot.flows.paces import take_turn
from bot.flows.reminder_state import load_reminder_states, peek_reminder_states
from bot.flows.visibility import prepare_sync
from bot.model import RequestId, Value
from bot.people.model import Person
from bot.people.store import mark_welcomed
from bot.reminders import digests, planning, rules, store
from bot.reminders.importance import LOOK_AGAIN_AFTER, put_in_turn
from bot.reminders.model import (
    After,
    Close,
    Edit,
    Message,
    NoticeKind,
    Reconcile,
    ReminderState,
    Send,
    Silence,
    Step,
    Wait,
)
from bot.reminders.outlook import find_outlook, stopped_at
from bot.reviews.store import record_quiet_until
from bot.slack.messages import add_more, render_card
from jobq import Discard, HandlerResult, Postpone, Queue, write_transaction

log = structlog.get_logger()

TELL_AFTER = timedelta(minutes=10)
"""The author does not hear at once of a mute or an absence, because the reviewer may undo it."""
MOST_STEPS = 20
"""More than any request can need at once: a loop that does not end is a bug and must show."""
AFTER_DIGEST = timedelta(minutes=30)
"""The digest saves this job. If it has not, it is looked for so long after it was planned."""


async def bring_to_rest(
    request_id: RequestId, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """Takes steps until there is nothing to do for now. A job about the same request may run beside it."""
    for _ in range(MOST_STEPS):
        decided = await _decide_after_others(request_id, slack=slack, queue=queue, clock=clock)
        match decided:
            case None:
                return Discard("the review request is gone")
            case _Decided(step=Wait(until=until, why=why, detail=detail), look_changes_at=look_changes_at):
                log.info("reminder waits", request_id=request_id, why=why.value, detail=detail)
                until = until + AFTER_DIGEST if until and why is Silence.IN_DIGEST else until
                moments = [at for at in (until, look_changes_at) if at is not None]
                return Postpone(min(moments), detail or why.value) if moments else None
            case _Decided(step=Close(detail=detail)):
                log.info("reminders end", request_id=request_id, why=detail)
                return None
            case _Decided():
                if (later := await _wait_to_edit(decided, clock.now())) is not None:
                    return Postpone(later, "the pull request changes in a loop")
                await _take(decided, slack, clock)
    raise RuntimeError(f"review request {request_id} does not come to rest")


async def _wait_to_edit(decided: "_Decided", now: datetime) -> datetime | None:
    """When to edit the newest DM about a pull request that changes in a loop. None: now."""
    step, state = decided.step, decided.state
    if not isinstance(step, Edit) or state.is_over or state.sent[-1].id not in step.message_ids:
        return None
    return await take_turn(state.pull_request.id, Call.EDITS, now)


class _Decided(Value):
    """A step, and the state on which it was decided. `message_id` is the outbox row of a DM to send."""

    step: Step
    state: ReminderState
    look_changes_at: datetime | None = None
    message_id: int | None = None


async def _decide_after_others(
    request_id: RequestId, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> _Decided | None:
    """Decides once the more important DMs to the same person are sent. Raises what sending them raises."""
    others: set[RequestId] = set()
    while True:
        decided = await _decide(request_id, queue, clock, is_live=slack is not None)
        if decided is None or not isinstance(decided.step, After):
            return decided
        if decided.step.request_id in others:
            raise Postpone(clock.now() + LOOK_AGAIN_AFTER, "a more important DM goes first")
        others.add(decided.step.request_id)
        await _go_first(decided.step.request_id, slack=slack, queue=queue, clock=clock)


async def _go_first(request_id: RequestId, *, slack: outbox.Slack | None, queue: Queue, clock: Clock) -> None:
    """Sends the DM of a more important request, unless its own job is sending it at this moment."""
    decided = await _decide(request_id, queue, clock, is_live=slack is not None)
    if decided is not None and isinstance(decided.step, Reconcile):
        raise Postpone(clock.now() + LOOK_AGAIN_AFTER, "a more important DM is being sent")
    if decided is not None and isinstance(decided.step, Send | Edit):
        await _take(decided, slack, clock)


@write_transaction
async def _decide(request_id: RequestId, queue: Queue, clock: Clock, *, is_live: bool) -> _Decided | None:
    """Decides on locked state and, to send, writes the outbox row: nothing can be committed in between."""
    now = clock.now()
    states = await load_reminder_states([request_id], now)
    if not states:
        return None
    (state,) = states
    step = rules.decide(state, now)
    if isinstance(step, Send) and state.person is not None:
        others = await peek_reminder_states(state.person, state.other_request_ids, now)
        step = put_in_turn(step, state, state.person, others, now)
    await _note(step, state, queue, now)
    if isinstance(step, Wait | Reconcile):
        await _tell_author(state, queue, now)
    if not isinstance(step, Send) or state.person is None:
        return _Decided(step=step, state=state, look_changes_at=rules.look_changes_at(state, now))
    message_id = await store.begin_sending(state.request, step.sequence, state.person.id, now)
    if is_live and state.person.welcomed_at is None:
        await mark_welcomed(state.person.id, now)
    if not state.contacts and (at := rules.no_answer_at(state, now)) is not None:
        notice = tell_author_job(state.pull_request.id, NoticeKind.NO_ANSWER, state.request.workspace_id)
        await queue.save(notice.runs_at(at))
    return _Decided(step=step, state=state, message_id=message_id)


async def _tell_author(state: ReminderState, queue: Queue, now: datetime) -> None:
    """If this reviewer is not reminded in time, somebody looks whether anybody acts on the pull request."""
    outlook = find_outlook(state, now)
    if not outlook.is_stuck:
        return
    answered_by = stopped_at(state) if outlook.silence is Silence.ALL_SENT else None
    at = max(now + TELL_AFTER, answered_by or now)
    notice = tell_author_job(state.pull_request.id, NoticeKind.NOBODY_ACTS, state.request.workspace_id)
    await queue.save(notice.runs_at(at))


async def _note(step: Step, state: ReminderState, queue: Queue, now: datetime) -> None:
    """Stores what follows from a decision, in its transaction, and saves the jobs that go on with it."""
    if isinstance(step, Reconcile | Edit):
        return  # the decision behind it is taken again afterwards
    wait = step if isinstance(step, Wait) else None
    if (until := planning.quiet_until(state, wait, now)) != state.quiet_until:
        await record_quiet_until(state.request.id, until)
    if wait is not None and wait.why is Silence.LATE:
        await queue.save(await prepare_sync(state.pull_request.id))
    elif wait is not None and wait.why is Silence.IN_DIGEST:
        await _plan_digest(state, wait.until, queue)
    elif state.digest_planned_at is not None:
        await digests.drop_item(state.request.id)


async def _plan_digest(state: ReminderState, at: datetime | None, queue: Queue) -> None:
    if state.person is None or at is None:
        return
    if at != state.digest_planned_at:
        await digests.plan_item(state.request, at)
    await queue.save(digest_job(state.person.id, state.request.workspace_id).runs_at(at))


async def _take(decided: _Decided, slack: outbox.Slack | None, clock: Clock) -> None:
    state = decided.state
    match decided.step, state.person, decided.message_id:
        case Send(sequence=sequence, more=more), Person() as person, int() as message_id:
            card = rules.next_card(state, sequence)
            rendered = render_card(card, rules.waiting_time(state, clock.now()))
            rendered = add_more(rendered, more)
            shown = rules.fingerprint(card)
            await outbox.post(message_id, person, rendered, shown, slack=slack, clock=clock)
        case Reconcile(message=message), Person() as person, _:
            await outbox.reconcile(message, person, slack=slack, clock=clock)
        case Edit(message_ids=message_ids), _, _:
            for message in state.sent:
                if message.id in message_ids:
                    await _edit(state, message, slack, clock)


async def _edit(state: ReminderState, message: Message, slack: outbox.Slack | None, clock: Clock) -> None:
    card = rules.card_of(state, message)
    rendered = render_card(card, rules.waiting_time(state, clock.now()))
    refusal = await outbox.edit(message, rendered, slack=slack, clock=clock, person=state.person)
    await store.record_shown(message.id, rules.fingerprint(card), refusal)
