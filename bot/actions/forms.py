"""The forms that `/snooze` and `/ooo` open: their content, and the actions that they submit."""

from collections.abc import Awaitable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol

from bot.actions.absence import go_away
from bot.actions.snooze import SnoozePreset, snooze_everything, until_of
from bot.model import UserError
from bot.people.model import Person
from bot.slack.messages import SNOOZE_PRESETS, Rendered
from bot.slack.views import (
    DAY,
    FIRST_DAY,
    HOW_LONG,
    LAST_DAY,
    OOO_FORM,
    SNOOZE_FORM,
    View,
    render_ooo_form,
    render_snooze_form,
)
from bot.working_time import local_day, local_instant
from jobq import Queue

FARTHEST = timedelta(days=2 * 366)

State = Mapping[str, Any]
"""The values of a form as Slack sends them: by block, then by field."""


class Submit(Protocol):
    """Carries out a submitted form. Raises UserError, whose text is shown in the form."""

    def __call__(
        self, person: Person, state: State, *, queue: Queue, now: datetime
    ) -> Awaitable[Rendered]: ...


def render_form(name: str, person: Person, now: datetime) -> View:
    """The form of this name with its default values. Raises KeyError for an unknown name."""
    if name == SNOOZE_FORM.name:
        return render_snooze_form({k: v for k, v in SNOOZE_PRESETS.items() if k != SnoozePreset.CHANGE})
    return {OOO_FORM.name: render_ooo_form}[name](local_day(person.hours, now))


async def submit_snooze(person: Person, state: State, *, queue: Queue, now: datetime) -> Rendered:
    """Snoozes all reminders, for a while or until a day begins. Raises UserError."""
    preset, day = _preset(state, HOW_LONG), _day(state, DAY, person, now)
    if (preset is None) == (day is None):
        raise UserError("Choose one of these, or a day: just one of the two.")
    until = until_of(preset, person, now) if preset else None
    if day is not None:
        until = local_instant(person.hours, day, time.min)
    if until is None:
        raise UserError("Choose how long.")
    return await snooze_everything(person, until, queue=queue, now=now)


async def submit_ooo(person: Person, state: State, *, queue: Queue, now: datetime) -> Rendered:
    """Saves an absence from the first to the last day, both included. Raises UserError."""
    first, last = _day(state, FIRST_DAY, person, now), _day(state, LAST_DAY, person, now)
    if first is None or last is None:
        raise UserError("Which days are you away?")
    if last < first:
        raise UserError("The last day is before the first.")
    starts_at = local_instant(person.hours, first, time.min)
    ends_at = local_instant(person.hours, last + timedelta(days=1), time.min)
    return await go_away(person, starts_at, ends_at, queue=queue, now=now)


SUBMIT: Mapping[str, Submit] = {SNOOZE_FORM.name: submit_snooze, OOO_FORM.name: submit_ooo}
"""By the name of the form."""


def _preset(state: State, field: str) -> SnoozePreset | None:
    option = _value(state, field).get("selected_option") or {}
    value = option.get("value")
    return SnoozePreset(value) if value in set(SnoozePreset) else None


def _day(state: State, field: str, person: Person, now: datetime) -> date | None:
    """The picked day. Raises UserError for one so far away that it must be a slip, such as the year 9999."""
    picked = _value(state, field).get("selected_date")
    if not picked:
        return None
    day = date.fromisoformat(picked)
    if abs(day - local_day(person.hours, now)) > FARTHEST:
        raise UserError(f"{day.isoformat()} is more than two years away, so nothing was saved. Which day?")
    return day


def _value(state: State, field: str) -> Mapping[str, Any]:
    value: Mapping[str, Any] = state.get(field, {}).get(field) or {}
    return value
