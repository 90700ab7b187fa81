"""Lists for a person, in one DM, the reviews that waited for them before Ripe was installed.

Nothing else is sent about these reviews until something happens to them, as after a person's own "snooze
until something changes". The DM goes out when that person's next working day begins.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.digests import next_morning, schedule_digests_for
from bot.flows.notices import (
    LostNotice,
    PreparedNotice,
    ReadyNotice,
    begin_notice,
    send_notice,
    wait_for_work,
)
from bot.flows.reminder_state import load_reminder_states
from bot.flows.unnotified import list_people_to_notify, list_unnotified
from bot.model import PersonId
from bot.people.model import Person
from bot.people.store import list_people_by_id
from bot.reminders.model import Notice, NoticeKind, ReminderState
from bot.reminders.notices import find_notice
from bot.reviews.backlog import mark_notified
from bot.slack.notices import render_welcome_digest
from bot.working_time import local_day
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, Queue, write_transaction

EVERY = timedelta(hours=1)
"""How often to look for people who were connected to Slack after their reviews were found."""


class Arguments(BaseModel):
    person_id: PersonId


async def schedule_digests(job: ClaimedJob, *, queue: Queue, clock: Clock) -> None:
    """Recurs: schedules the digest of everybody whom a part of the backlog still waits for."""
    await schedule_digests_for(await list_people_to_notify(), queue, clock.now())


async def welcome_digest(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """Sends one person's DM if something still waits for them, in their working hours."""
    prepared = await _prepare(job.read(Arguments).person_id, clock.now(), is_live=slack is not None)
    return await send_notice(prepared, slack=slack, clock=clock)


@write_transaction
async def _prepare(person_id: PersonId, now: datetime, *, is_live: bool) -> PreparedNotice:
    people = await list_people_by_id([person_id])
    if not people or not (person := people[0]).is_active:
        return Discard("the person is gone")
    notice = Notice.to_person(person, NoticeKind.BACKLOG, local_day(person.hours, now).isoformat())
    earlier = await find_notice(notice)
    if earlier is not None and earlier.is_unresolved:
        return LostNotice(message=earlier, person=person)
    if (wait := wait_for_work(person, now, person.snoozed_until)) is not None:
        return wait
    waiting = await _load_waiting(person_id, now)
    if not waiting:
        return Discard("nothing waits")
    if earlier is not None:
        tomorrow = next_morning(person, now)
        return Postpone(tomorrow) if tomorrow else Discard("never at work")
    return await _begin(notice, person, waiting, now, is_live=is_live)


async def _load_waiting(person_id: PersonId, now: datetime) -> Sequence[ReminderState]:
    states = await load_reminder_states(await list_unnotified(person_id), now)
    return [state for state in states if _waits(state)]


def _waits(state: ReminderState) -> bool:
    """Whether nothing has happened that ended the silence, or the wait."""
    if state.is_over or state.pull_request.is_draft or state.is_approved_enough or state.has_twin:
        return False
    return state.request.is_snoozed_until_change and not state.request.is_muted and not state.messages


async def _begin(
    notice: Notice, person: Person, waiting: Sequence[ReminderState], now: datetime, *, is_live: bool
) -> PreparedNotice:
    pull_requests = [state.pull_request for state in waiting]
    rendered = render_welcome_digest(pull_requests, now, is_first_ever=person.welcomed_at is None)
    prepared = await begin_notice(notice, person, rendered, now, welcomes=is_live)
    if isinstance(prepared, ReadyNotice):
        await mark_notified((state.request.id for state in waiting), prepared.message_id)
    return prepared
