"""When a DM is planned, and when a digest lists the review instead. Pure: `now` is an argument."""

from datetime import datetime, timedelta

from bot.people.model import Person
from bot.reminders.model import UNTIL_CHANGE, ReminderState, Silence, Wait
from bot.working_time import Interval, local_day, next_working_instant, start_of_working_day_after

LATE_AFTER = timedelta(hours=2)
"""Clock time. A DM that is later was held up by an outage, or comes from a restored backup."""
MOST_DIGESTS = 5
"""How often a digest lists the same request."""

_QUIET = frozenset(
    {
        Silence.UNLINKED,
        Silence.DEACTIVATED,
        Silence.DRAFT,
        Silence.APPROVED,
        Silence.MUTED,
        Silence.SNOOZED_UNTIL_CHANGE,
        Silence.BACKLOG,
        Silence.TWIN,
        Silence.ALL_SNOOZED,
        Silence.AWAY,
        Silence.SNOOZED,
    }
)
"""Wishes of the pull request or of its reviewer. A pause and a suspension are not among them: the DMs that
they hold back are late afterwards, so that everybody gets one digest and no burst."""


def intervals(person: Person) -> tuple[Interval, ...]:
    """A person's absences as half-open intervals."""
    return tuple((absence.starts_at, absence.ends_at) for absence in person.absences)


def planned_at(state: ReminderState, person: Person, due: datetime, now: datetime) -> datetime | None:
    """When the DM that is due then is to be sent, budgets aside. None: they are never at work.

    While the request was quiet, and before somebody moved the clock of the sandbox, nothing was to be sent.
    """
    quiet_until = min(state.quiet_until, now) if state.quiet_until else None
    earliest = (due, person.snoozed_until, quiet_until, state.clock_moved_at)
    return _working_instant(person, max(at for at in earliest if at is not None))


def quiet_until(state: ReminderState, wait: Wait | None, now: datetime) -> datetime | None:
    """The state's `quiet_until` to store after a decision to wait, or (None) to send."""
    if wait is not None and wait.why in _QUIET:
        return wait.until or UNTIL_CHANGE
    if state.quiet_until is not None and state.quiet_until > now:
        return now
    return state.quiet_until


def is_late(planned: datetime, now: datetime) -> bool:
    """Whether it is so much later than planned that a digest lists it."""
    return now - planned > LATE_AFTER


def list_in_digest(state: ReminderState, person: Person, planned: datetime, now: datetime) -> Wait:
    """Waits for a digest: the one it is planned for, or else that of today.

    A late review may be over by now, so it is listed only after GitHub has said how it stands.
    """
    since = _working_instant(person, max(planned, state.digest_planned_at or planned)) or planned
    if len(state.digested) >= MOST_DIGESTS:
        return Wait(until=None, why=Silence.ALL_SENT)
    if is_late(since, now) and not is_heard_of(state, now):
        return Wait(until=None, why=Silence.LATE)
    return _in_digest(state, person, max(since, now), now)


def list_tomorrow(state: ReminderState, person: Person, now: datetime) -> Wait:
    """Waits for the digest of the next working day, because the budget of today is spent."""
    tomorrow = start_of_working_day_after(person.hours, now)
    return _in_digest(state, person, tomorrow or now, now)


def next_morning(person: Person, now: datetime) -> datetime | None:
    """When their next working day begins: tomorrow's if they are at work now. None: they never work."""
    at = _working_instant(person, now)
    return _morning_after(person, now) if at == now else at


def _in_digest(state: ReminderState, person: Person, not_before: datetime, now: datetime) -> Wait:
    if len(state.digested) >= MOST_DIGESTS:
        return Wait(until=None, why=Silence.ALL_SENT)
    at = _working_instant(person, max(not_before, person.snoozed_until or not_before))
    is_today = at is not None and local_day(person.hours, at) == local_day(person.hours, now)
    if at is not None and is_today and state.has_digest_today:
        at = _morning_after(person, at)
    if at is None:
        return Wait(until=None, why=Silence.NEVER_AT_WORK)
    return Wait(until=at, why=Silence.IN_DIGEST)


def is_heard_of(state: ReminderState, now: datetime) -> bool:
    """Whether a fact about it, or GitHub's answer, came within the last two hours."""
    heard_at = max(state.pull_request.updated_at, state.synced_at or state.pull_request.updated_at)
    return not is_late(heard_at, now)


def _morning_after(person: Person, at: datetime) -> datetime | None:
    tomorrow = start_of_working_day_after(person.hours, at)
    return tomorrow and _working_instant(person, tomorrow)


def _working_instant(person: Person, at: datetime) -> datetime | None:
    return next_working_instant(person.hours, at, intervals(person))
