"""Tells a person what Ripe does next about their reviews, once a change of theirs is stored."""

from datetime import datetime

from bot.flows.reminder_state import peek_reminder_states
from bot.model import RequestId
from bot.people.model import Person
from bot.reminders.model import Outlook, Silence
from bot.reminders.outlook import find_outlook, tell_reviewer
from bot.reminders.words import for_reviewer
from bot.slack.escape import disarm
from bot.slack.views import MOST_IN_OUTLOOK
from bot.working_time import next_working_instant

_SNOOZES = frozenset({Silence.SNOOZED, Silence.SNOOZED_UNTIL_CHANGE, Silence.BACKLOG})


async def tell_next_reminder(person: Person, request_id: RequestId, now: datetime) -> str:
    """A sentence for a review that was unmuted or woken: another reason may hold its reminders back."""
    states = await peek_reminder_states(person, [request_id], now)
    text = "".join(tell_reviewer(state, now) for state in states)
    return disarm(text, MOST_IN_OUTLOOK) or "Reminders about it come again."


async def tell_longer_silence(
    person: Person, request_id: RequestId, until: datetime | None, now: datetime
) -> str:
    """Why no DM about a review comes when its snooze ends. Empty if one does, or may."""
    (state,) = await peek_reminder_states(person, [request_id], now)
    outlook = find_outlook(state, now)
    if outlook.silence in _SNOOZES:
        return ""
    is_longer = until is not None and outlook.until is not None and outlook.until > until
    return disarm(tell_reviewer(state, now), MOST_IN_OUTLOOK) if outlook.is_end or is_longer else ""


def tell_next_reminders(person: Person, now: datetime) -> str:
    """A sentence for a person whose snoozes are over: they may be away, or never at work."""
    if next_working_instant(person.hours, now) is None:
        return for_reviewer(Outlook(silence=Silence.NEVER_AT_WORK, now=now, zone=person.zone))
    if (back_at := person.away_until(now)) is None:
        return "Reminders come again in your working hours."
    away = for_reviewer(Outlook(silence=Silence.AWAY, now=now, until=back_at, zone=person.zone))
    return f"{away} Reminders come again after that."
