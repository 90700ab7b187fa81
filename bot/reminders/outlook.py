"""Why nothing is sent about a review request, and what comes next. Pure: `now` is an argument."""

from datetime import datetime, timedelta

from bot.people.model import Person
from bot.reminders.model import Message, MessageState, Outlook, ReminderState, Silence
from bot.reminders.planning import intervals
from bot.reminders.rules import quiet_note, why_not_now
from bot.reminders.words import for_reviewer
from bot.working_time import add_working_time, start_of_working_day_after

_NOBODY_WAITS = frozenset(
    {Silence.OVER, Silence.BLOCKED, Silence.DRAFT, Silence.APPROVED, Silence.BACKLOG, Silence.TWIN}
)
"""The review is not wanted now, or waits for somebody who knows."""
_GOES_ON = frozenset({Silence.NOT_DUE, Silence.IN_DIGEST, Silence.LATE, Silence.AFTER_OTHERS})
MOST_DAYS_AWAY = 2
"""Working days for which the author of a pull request is not bothered: until then the reminders wait."""

POSTED_WITHIN = timedelta(minutes=1)
"""Longer than a call to Slack takes. A DM that began to be sent earlier was interrupted."""
UNCONFIRMED_FOR = timedelta(hours=3)
"""If Slack does not say for so long whether a DM arrived, its reviewer counts as not reminded."""


def find_outlook(state: ReminderState, now: datetime) -> Outlook:
    """The outlook at this moment. Every surface shows it in the words of words.py, so that they all agree."""
    wait, person = why_not_now(state, now), state.person
    silence = wait.why if wait else None
    next_at = wait.until if wait else now
    is_doubtful = state.unresolved is not None and not _is_being_sent(state.unresolved, now)
    if is_doubtful and (next_at is not None or silence is Silence.LATE):
        silence, next_at = Silence.UNCONFIRMED, None
    is_on_its_way = state.unresolved is not None and not is_doubtful
    return Outlook(
        silence=silence,
        now=now,
        detail=wait.detail if wait else "",
        until=_until(state, silence, now),
        zone=person.zone if person else "UTC",
        sent=len(state.contacts),
        next_at=next_at,
        sequence=len(state.messages) - is_on_its_way + len(state.digested),
        reminders=len(state.rhythm.after),
        is_stuck=_is_stuck(state, silence, next_at, now),
    )


def tell_reviewer(state: ReminderState, now: datetime) -> str:
    """The note of their DM if nothing is asked of them, else why no DM comes now; empty if one does."""
    outlook = find_outlook(state, now)
    if not state.is_over and (note := quiet_note(state, now)):
        return note
    return "" if outlook.silence is None else for_reviewer(outlook)


def _is_being_sent(message: Message, now: datetime) -> bool:
    return message.state is MessageState.SENDING and now - message.sending_at < POSTED_WITHIN


def _until(state: ReminderState, silence: Silence | None, now: datetime) -> datetime | None:
    match silence, state.person:
        case Silence.AWAY, Person() as person:
            return person.away_until(now)
        case Silence.ALL_SNOOZED, Person() as person:
            return person.snoozed_until
        case Silence.SNOOZED, _:
            return state.request.snoozed_until
        case _:
            return None


def _is_stuck(state: ReminderState, silence: Silence | None, next_at: datetime | None, now: datetime) -> bool:
    if silence is None or silence in _NOBODY_WAITS or silence in _GOES_ON:
        return False
    if silence is Silence.UNCONFIRMED and state.unresolved is not None:
        return now - state.unresolved.sending_at >= UNCONFIRMED_FOR
    if state.person is None or next_at is None:
        return True
    in_time = back_in_time(state.person, now) if silence is Silence.AWAY else _in_time(state, now)
    return in_time is None or next_at > in_time


def _in_time(state: ReminderState, now: datetime) -> datetime | None:
    """A snooze may last as long as an answer may."""
    if state.person is None:
        return None
    return add_working_time(state.person.hours, now, state.rhythm.notify_author_after)


def back_in_time(person: Person, now: datetime) -> datetime | None:
    """When the first working day begins on which a person who is away now must be back."""
    at: datetime | None = now
    for _ in range(MOST_DAYS_AWAY + 1):
        at = at and start_of_working_day_after(person.hours, at)
    return at


def stopped_at(state: ReminderState) -> datetime | None:
    """When the last contact has had its time to be answered; None if there was none."""
    if state.person is None or not state.contacts:
        return None
    gap = state.rhythm.after[0] if state.rhythm.after else state.rhythm.notify_author_after
    return add_working_time(state.person.hours, state.contacts[-1], gap, intervals(state.person))
