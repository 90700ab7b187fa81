"""Sends a person one DM that lists several reviews, once a working morning and never empty.

It lists reviews that get no DM of their own: those over the budget of a day, those that are late, and those
that waited before Ripe was installed. Nothing else is sent about the last until something happens to them, as
after a person's own "snooze until something changes".
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import digest_job, remind_reviewer_job, tell_author_job
from bot.flows.notices import (
    LostNotice,
    PreparedNotice,
    ReadyNotice,
    begin_notice,
    send_notice,
    wait_for_work,
)
from bot.flows.open_requests import list_open_request_ids_of_person
from bot.flows.reminder_state import load_reminder_states
from bot.model import PersonId, Value
from bot.people.model import Person
from bot.people.store import list_people_by_id
from bot.reminders import digests, rules
from bot.reminders.importance import importance_of
from bot.reminders.model import Notice, NoticeKind, ReminderState, Silence, Wait
from bot.reminders.planning import next_morning
from bot.reviews.backlog import mark_notified
from bot.slack.digests import render_digest
from bot.working_time import local_day
from jobq import ClaimedJob, Discard, HandlerResult, Job, Postpone, Queue, write_transaction

WAITS_FOR_GITHUB = timedelta(minutes=15)
"""A digest waits so long for what GitHub says of other late reviews: one list is better than two."""
LOOK_AGAIN_AFTER = timedelta(minutes=1)


class Arguments(BaseModel):
    person_id: PersonId


class _Listed(Value):
    """The reviews that a digest of this moment lists, and when the next one is planned.

    `late` are those that are not in it because GitHub has not been asked about them yet.
    """

    items: tuple[ReminderState, ...]
    backlog: tuple[ReminderState, ...]
    late: tuple[ReminderState, ...]
    next_at: datetime | None


async def digest(job: ClaimedJob, *, slack: outbox.Slack | None, queue: Queue, clock: Clock) -> HandlerResult:
    """Sends one person's digest if something is to be listed, in their working hours."""
    person_id = job.read(Arguments).person_id
    prepared = await _prepare(person_id, clock.now(), queue, is_live=slack is not None)
    return await send_notice(prepared, slack=slack, clock=clock)


@write_transaction
async def _prepare(person_id: PersonId, now: datetime, queue: Queue, *, is_live: bool) -> PreparedNotice:
    people = await list_people_by_id([person_id])
    if not people or not (person := people[0]).is_active:
        return Discard("the person is gone")
    earlier = await digests.find_digest(person_id, local_day(person.hours, now).isoformat())
    if earlier is not None and earlier.is_unresolved:
        return LostNotice(message=earlier, person=person)
    if (wait := wait_for_work(person, now, person.snoozed_until)) is not None:
        return wait
    listed = await _load_listed(person_id, now)
    if not (listed.items or listed.backlog):
        return Postpone(listed.next_at) if listed.next_at else Discard("nothing waits")
    if earlier is not None:
        tomorrow = next_morning(person, now)
        return Postpone(tomorrow) if tomorrow else Discard("never at work")
    if listed.late and any(_waits_for_github(state, now) for state in listed.items):
        return Postpone(now + LOOK_AGAIN_AFTER)
    return await _begin(person, listed, now, queue, is_live=is_live)


async def _load_listed(person_id: PersonId, now: datetime) -> _Listed:
    states = await load_reminder_states(await list_open_request_ids_of_person(person_id), now)
    waits = [(state, wait) for state in states if (wait := rules.why_not_now(state, now)) is not None]
    planned = [
        (state.digest_planned_at, state)
        for state, wait in waits
        if wait.why is Silence.IN_DIGEST and state.digest_planned_at is not None
    ]
    items = [state for planned_at, state in planned if planned_at <= now and state.unresolved is None]
    return _Listed(
        items=tuple(sorted(items, key=importance_of)),
        backlog=tuple(state for state in states if _is_waiting_backlog(state)),
        late=tuple(state for state, wait in waits if _is_late(state, wait)),
        next_at=min((planned_at for planned_at, _ in planned if planned_at > now), default=None),
    )


def _is_late(state: ReminderState, wait: Wait) -> bool:
    """Whether its own job has still to ask GitHub, or to plan it for a digest."""
    is_unplanned = wait.why is Silence.IN_DIGEST and state.digest_planned_at is None
    return wait.why is Silence.LATE or is_unplanned


def _is_waiting_backlog(state: ReminderState) -> bool:
    """Whether it is of the backlog, and nothing has happened that ended the silence, or the wait."""
    if not state.is_unlisted or state.blocked_by or state.messages:
        return False
    if state.is_over or state.pull_request.is_draft or state.is_approved_enough or state.has_twin:
        return False
    return state.request.is_snoozed_until_change and not state.request.is_muted


def _waits_for_github(state: ReminderState, now: datetime) -> bool:
    return state.digest_planned_at is None or now - state.digest_planned_at < WAITS_FOR_GITHUB


async def _begin(
    person: Person, listed: _Listed, now: datetime, queue: Queue, *, is_live: bool
) -> PreparedNotice:
    kind = NoticeKind.BACKLOG if listed.backlog else NoticeKind.DIGEST
    notice = Notice.to_person(person, kind, local_day(person.hours, now).isoformat())
    rendered = render_digest(
        [(state.pull_request, rules.waiting_time(state, now)) for state in listed.items],
        [state.pull_request for state in listed.backlog],
        now,
        is_first_ever=person.welcomed_at is None,
    )
    prepared = await begin_notice(notice, person, rendered, now, welcomes=is_live)
    if isinstance(prepared, ReadyNotice):
        await _mark(listed, prepared.message_id)
        jobs = [job for state in listed.items for job in _following_jobs(state, now)]
        if listed.next_at is not None:
            jobs.append(digest_job(person.id).runs_at(listed.next_at))
        if jobs:
            await queue.save_all(jobs)
    return prepared


async def _mark(listed: _Listed, message_id: int) -> None:
    if listed.items:
        await digests.mark_listed((state.request.id for state in listed.items), message_id)
    if listed.backlog:
        await mark_notified((state.request.id for state in listed.backlog), message_id)


def _following_jobs(state: ReminderState, now: datetime) -> Sequence[Job]:
    """The request's own job, which waits for the next reminder; after a first contact the author's."""
    jobs = [remind_reviewer_job(state.request.id)]
    if not state.contacts and (at := rules.no_answer_at(state, now)) is not None:
        jobs.append(tell_author_job(state.pull_request.id, NoticeKind.NO_ANSWER).runs_at(at))
    return jobs
