"""Tells a person, in one DM, which reviews waited for them before Ripe came.

Nothing else is sent about those until something happens to them: they are held as a person's "snoozed until
something changes" is. The DM goes out when that person's next working day begins.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.digests import _next_morning, schedule_digests_for
from bot.flows.reminder_state import load_reminder_states
from bot.flows.unnotified import list_people_to_notify, list_unnotified
from bot.model import PersonId, Value
from bot.people.model import Person
from bot.people.store import list_people_by_id, mark_welcomed
from bot.reminders import letters, rules
from bot.reminders.letters import Letter
from bot.reminders.model import Message, ReminderState
from bot.reviews import backlog
from bot.reviews.model import PullRequest
from bot.slack.notices import render_welcome_digest
from bot.working_time import local_day, next_working_instant
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, Queue, write_transaction

log = structlog.get_logger()

EVERY = timedelta(hours=1)
"""How soon somebody counts who was connected to Slack after their reviews were found."""


class Arguments(BaseModel):
    person_id: PersonId


class _Due(Value):
    """A DM to send: its row is written. Or `lost`: one that may have arrived, to be found out first."""

    person: Person
    pull_requests: tuple[PullRequest, ...] = ()
    message_id: int | None = None
    lost: Message | None = None


async def schedule_digests(job: ClaimedJob, *, queue: Queue, clock: Clock) -> None:
    """Recurs: whoever is to be told of something, and is known in Slack by now, will be."""
    await schedule_digests_for(await list_people_to_notify(), queue, clock.now())


async def welcome_digest(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends one person's DM if something still waits for them, in their working hours."""
    due = await _begin(job.read(Arguments).person_id, clock.now(), is_live=slack is not None)
    if not isinstance(due, _Due):
        return due
    if due.message_id is None:
        if due.lost is not None:
            await outbox.reconcile(due.lost, due.person, slack=slack, clock=clock)
        return Postpone(clock.now())
    is_first_ever = due.person.welcomed_at is None
    rendered = render_welcome_digest(due.pull_requests, clock.now(), is_first_ever=is_first_ever)
    await outbox.post(due.message_id, due.person, rendered, "", slack=slack, clock=clock)
    log.info("welcome digest", person_id=due.person.id, reviews=len(due.pull_requests))
    return None


@write_transaction
async def _begin(person_id: PersonId, now: datetime, *, is_live: bool) -> _Due | Postpone | Discard:
    """Decides on locked state and writes the outbox row."""
    people = await list_people_by_id([person_id])
    if not people or not (person := people[0]).is_active:
        return Discard("nobody to tell")
    if (lost := await letters.find_unsettled(person, Letter.BACKLOG)) is not None:
        return _Due(person=person, lost=lost)
    at = next_working_instant(person.hours, max(now, person.snoozed_until or now), rules.intervals(person))
    if at is None or at > now:
        return Postpone(at) if at else Discard("never at work")
    states = await _load_waiting(person_id, now)
    if not states:
        return Discard("nothing waits")
    message_id = await letters.begin_letter(
        person, Letter.BACKLOG, local_day(person.hours, now).isoformat(), now
    )
    if message_id is None:
        tomorrow = _next_morning(person, now)
        return Postpone(tomorrow) if tomorrow else Discard("never at work")
    await backlog.mark_notified((state.request.id for state in states), message_id)
    if is_live:
        await mark_welcomed(person_id, now)
    return _Due(
        person=person, message_id=message_id, pull_requests=tuple(state.pull_request for state in states)
    )


async def _load_waiting(person_id: PersonId, now: datetime) -> Sequence[ReminderState]:
    """What waits for them in silence."""
    states = await load_reminder_states(await list_unnotified(person_id), now)
    return [state for state in states if _waits(state)]


def _waits(state: ReminderState) -> bool:
    """Whether nothing has happened that ended the silence, or the wait."""
    if state.is_over or state.pull_request.is_draft or state.is_approved_enough or state.has_twin:
        return False
    return state.request.is_snoozed_until_change and not state.request.is_muted and not state.messages
