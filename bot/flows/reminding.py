"""Brings the DMs of one review request to where they should be, one step at a time."""

from datetime import datetime

import structlog

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import tell_author_job
from bot.flows.reminder_state import load_view
from bot.model import RequestId, Value
from bot.people.model import Person
from bot.people.store import mark_welcomed
from bot.reminders import rules, store
from bot.reminders.model import Close, Edit, Message, NoticeKind, Send, Settle, Step, View, Wait
from bot.slack.messages import render_card
from jobq import Discard, HandlerResult, Postpone, Queue, write_transaction

log = structlog.get_logger()

MOST_STEPS = 20
"""More than any request can need at once; a loop that does not end is a bug and must show."""


async def bring_to_rest(
    request_id: RequestId, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """The work itself. Beside a job about the same request it does no harm."""
    for _ in range(MOST_STEPS):
        following = await _decide(request_id, queue, clock, is_live=slack is not None)
        match following:
            case None:
                return Discard("the review request is gone")
            case _Following(step=Wait(until=until, why=why), look_changes_at=look_changes_at):
                log.info("reminder waits", request_id=request_id, why=why)
                moments = [at for at in (until, look_changes_at) if at is not None]
                return Postpone(min(moments)) if moments else None
            case _Following(step=Close(why=why)):
                log.info("reminders end", request_id=request_id, why=why)
                return None
            case _Following():
                await _take(following, slack, clock)
    raise RuntimeError(f"review request {request_id} does not come to rest")


class _Following(Value):
    """A step, and the state it was decided on. To send, the DM's row is written already."""

    step: Step
    view: View
    look_changes_at: datetime | None = None
    message_id: int | None = None


@write_transaction
async def _decide(request_id: RequestId, queue: Queue, clock: Clock, *, is_live: bool) -> _Following | None:
    """Decides on locked state and, to send, writes the outbox row: nothing can be committed in between."""
    now = clock.now()
    if (view := await load_view(request_id, now)) is None:
        return None
    step = rules.decide(view, now)
    if not isinstance(step, Send) or view.person is None:
        return _Following(step=step, view=view, look_changes_at=rules.look_changes_at(view, now))
    message_id = await store.begin_sending(view.request, step.sequence, view.person.id, now)
    if is_live and view.person.welcomed_at is None:
        await mark_welcomed(view.person.id, now)
    if step.sequence == 0 and (at := rules.no_answer_at(view, now)) is not None:
        await queue.save(tell_author_job(view.pull_request.id, NoticeKind.NO_ANSWER).runs_at(at))
    return _Following(step=step, view=view, message_id=message_id)


async def _take(following: _Following, slack: outbox.Slack | None, clock: Clock) -> None:
    view = following.view
    match following.step, view.person, following.message_id:
        case Send(sequence=sequence), Person() as person, int() as message_id:
            card = rules.next_card(view, sequence)
            rendered = render_card(card, rules.waiting_time(view, clock.now()))
            shown = rules.fingerprint(card)
            await outbox.post(message_id, person, rendered, shown, slack=slack, clock=clock)
        case Settle(message=message), Person() as person, _:
            await outbox.settle(message, person, slack=slack, clock=clock)
        case Edit(message_ids=message_ids), _, _:
            for message in view.sent:
                if message.id in message_ids:
                    await _edit(view, message, slack, clock)


async def _edit(view: View, message: Message, slack: outbox.Slack | None, clock: Clock) -> None:
    card = rules.card_of(view, message)
    rendered = render_card(card, rules.waiting_time(view, clock.now()))
    refusal = await outbox.edit(message, rendered, slack=slack, clock=clock)
    await store.record_shown(message.id, rules.fingerprint(card), refusal)
