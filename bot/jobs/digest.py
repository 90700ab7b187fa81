"""Sends a person one DM that lists several pull requests, once a working morning and never empty.

It lists reviews that get no DM of their own: those over the budget of a day, those that are late, and those
that waited before Ripe was installed. Nothing else is sent about the last until something happens to them, as
after a person's own "snooze until something changes". The reader's own pull requests are listed if the
notice about one is late.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import digest_job, remind_reviewer_job, tell_author_job
from bot.flows.late_notices import LateNotices, load_late_notices, mark_late_notices
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
from bot.model import Parsed, PersonId, Value
from bot.people.model import Person
from bot.people.store import list_people_by_id
from bot.reminders import digests, rules
from bot.reminders.importance import importance_of
from bot.reminders.model import Notice, NoticeKind, ReminderState, Silence, Wait
from bot.reminders.planning import next_morning
from bot.reviews.backlog import mark_notified
from bot.slack.digests import AuthorItem, render_digest
from bot.working_time import local_day
from jobq import ClaimedJob, Discard, HandlerResult, Job, Postpone, Queue, write_transaction

WAITS_FOR_GITHUB = timedelta(minutes=15)
"""A digest waits so long for what GitHub says of other late reviews: one list is better than two."""
LOOK_AGAIN_AFTER = timedelta(minutes=1)


class Arguments(Parsed):
    person_id: PersonId


class _Listed(Value):
    """The reviews that a digest of this moment lists, and when the next one is planned.

    `late` are those that are not in it because GitHub has not been asked about them yet. `notices` are about
    the person's own pull requests.
    """

    items: tuple[ReminderState, ...]
    backlog: tuple[ReminderState, ...]
    late: tuple[ReminderState, ...]
    notices: LateNotices
    next_at: datetime | None

    @property
    def is_empty(self) -> bool:
        return not (self.items or self.backlog or self.notices.items)

    def waits_for_github(self, now: datetime) -> bool:
        """Whether an answer that is to come soon may make this list longer."""
        if not (self.late or self.notices.is_asking):
            return False
        planned = [state.digest_planned_at for state in self.items] + [self.notices.planned_at]
        return any(at is None or now - at < WAITS_FOR_GITHUB for at in planned)


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
    listed = await _load_listed(person_id, queue, now)
    if listed.is_empty:
        return _look_again(listed, now)
    if earlier is not None:
        tomorrow = next_morning(person, now)
        return Postpone(tomorrow, "a digest was sent today") if tomorrow else Discard("never at work")
    if listed.waits_for_github(now):
        return Postpone(now + LOOK_AGAIN_AFTER, "GitHub is being asked")
    return await _begin(person, listed, now, queue, is_live=is_live)


def _look_again(listed: _Listed, now: datetime) -> Postpone | Discard:
    """When there may be something to list."""
    moments = [listed.next_at] if listed.next_at else []
    if listed.notices.is_asking:
        moments.append(now + (LOOK_AGAIN_AFTER if listed.waits_for_github(now) else WAITS_FOR_GITHUB))
    return Postpone(min(moments), "nothing is due yet") if moments else Discard("nothing waits")


async def _load_listed(person_id: PersonId, queue: Queue, now: datetime) -> _Listed:
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
        notices=await load_late_notices(person_id, queue, now),
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


async def _begin(
    person: Person, listed: _Listed, now: datetime, queue: Queue, *, is_live: bool
) -> PreparedNotice:
    kind = NoticeKind.BACKLOG if listed.backlog else NoticeKind.DIGEST
    notice = Notice.to_person(person, kind, local_day(person.hours, now).isoformat())
    rendered = render_digest(
        [(state.pull_request, rules.waiting_time(state, now)) for state in listed.items],
        [state.pull_request for state in listed.backlog],
        [
            AuthorItem(item.pull_request, item.content.kind, item.content.logins, item.content.sentences)
            for item in listed.notices.items
        ],
        now,
        is_first_ever=person.welcomed_at is None,
    )
    prepared = await begin_notice(notice, person, rendered, now, welcomes=is_live)
    if isinstance(prepared, ReadyNotice):
        await _mark(listed, prepared.message_id)
        jobs = [job for state in listed.items for job in _following_jobs(state, now)]
        tomorrow = next_morning(person, now) if listed.notices.is_asking else None
        if moments := [at for at in (listed.next_at, tomorrow) if at is not None]:
            jobs.append(digest_job(person.id, person.workspace_id).runs_at(min(moments)))
        if jobs:
            await queue.save_all(jobs)
    return prepared


async def _mark(listed: _Listed, message_id: int) -> None:
    if listed.items:
        await digests.mark_listed((state.request.id for state in listed.items), message_id)
    if listed.backlog:
        await mark_notified((state.request.id for state in listed.backlog), message_id)
    await mark_late_notices(listed.notices.items, message_id)


def _following_jobs(state: ReminderState, now: datetime) -> Sequence[Job]:
    """The request's own job, which waits for the next reminder; after a first contact the author's."""
    workspace_id = state.request.workspace_id
    jobs = [remind_reviewer_job(state.request.id, workspace_id)]
    if not state.contacts and (at := rules.no_answer_at(state, now)) is not None:
        jobs.append(tell_author_job(state.pull_request.id, NoticeKind.NO_ANSWER, workspace_id).runs_at(at))
    return jobs
