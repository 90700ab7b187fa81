"""Times as people type them, as instants: `2h`, `until friday 14:00`, `3-14 aug`. Pure.

A snooze ends when the person's working day begins; an absence includes its last day. Nothing is guessed: an
unclear text becomes a question, and no text is an error.
"""

import re
from datetime import date, datetime, time, timedelta

from bot.model import Value
from bot.slack.days import FAR, Unclear, parse_day
from bot.slack.moments import (
    MIDNIGHT,
    MONTHS_AHEAD,
    PART_OF_DAY,
    PARTS_OF_DAY,
    UNTIL,
    Moment,
    add_months,
    complete_choices,
    not_understood,
    parse_duration,
    parse_moment,
    read_line,
)
from bot.working_time import WorkingHours, load_zone, local_day, local_instant

_DAY = timedelta(days=1)
_MONDAY_STARTS = time(9)
_FEWEST_MINUTES = 5
"""Nobody snoozes for fewer, so a smaller number alone means hours or days."""


class Until(Value):
    """A snooze that ends at this instant."""

    instant: datetime


def parse_snooze_time(text: str, now: datetime, hours: WorkingHours) -> Until | Unclear:
    """When a snooze ends: `2h` is clock time from now; a day means the start of the person's working day."""
    phrase = read_line(text, hours)
    if isinstance(phrase, Unclear):
        return phrase
    if (lasting := parse_duration(re.sub(r"^(for|in) ", "", phrase))) is not None:
        return _not_too_far(now + lasting, now) if lasting else _no_time_at_all()
    if phrase.isdecimal():
        return _which_unit(phrase)
    matched = UNTIL.fullmatch(phrase)
    phrase = matched[1] if matched else phrase
    if (special := _special_snooze(phrase, now, hours)) is not None:
        return special
    if (part := _snooze_until_part(phrase, now, hours, is_until=matched is not None)) is not None:
        return part
    moment = parse_moment(phrase, now, hours)
    if moment is None:
        return not_understood(text, ("2h", "tomorrow", "next week"))
    if isinstance(moment, Unclear):
        return moment
    return _wake(moment, now, hours)


def _special_snooze(phrase: str, now: datetime, hours: WorkingHours) -> Until | Unclear | None:
    today = local_day(hours, now)
    if MIDNIGHT.fullmatch(phrase):
        return Until(instant=local_instant(hours, today + _DAY, time.min))
    if (months := MONTHS_AHEAD.fullmatch(phrase)) is not None:
        return _wake(Moment(day=add_months(months[1], today)), now, hours)
    if phrase == "next week":
        return Until(instant=_work_starts(hours, today + (7 - today.weekday()) * _DAY, later=True))
    if phrase in ("eod", "end of day", "end of the day"):
        return _at_end_of(today, now, hours)
    if phrase in ("eow", "end of week", "end of the week"):
        return _at_end_of(_last_working_day(today, hours), now, hours)
    return _when_today() if phrase == "today" else None


def _no_time_at_all() -> Unclear:
    return Unclear(question="That is no time at all. Until when?", choices=("1h", "tomorrow", "next week"))


def _snooze_until_part(
    phrase: str, now: datetime, hours: WorkingHours, *, is_until: bool
) -> Until | Unclear | None:
    """`tomorrow morning`: until that part of the day begins. A part of today needs the word `until`."""
    phrase = "this evening" if phrase == "tonight" else phrase
    if (matched := PART_OF_DAY.fullmatch(phrase.removeprefix("on "))) is None:
        return None
    today = local_day(hours, now)
    is_today = matched[1] in (None, "this", "today")
    day = today if is_today else parse_day(matched[1], today)
    if day is None or isinstance(day, Unclear):
        return complete_choices(day, f"until {{}} {matched[2]}") if day else None
    begins, ends = PARTS_OF_DAY[matched[2]]
    if is_today and not is_until:
        clocks = [clock for clock in (begins, ends) if clock and local_instant(hours, day, clock) > now]
        choices = (*(f"{clock:%H:%M}" for clock in clocks), *(() if ends else ("until midnight",)))
        return Unclear(question="Until when today?", choices=choices or ("tomorrow",))
    return _wake(Moment(day=day, clock=begins if begins != time.min else None), now, hours)


def _which_unit(number: str) -> Unclear:
    if len(number) > 3 or not 0 < int(number) <= FAR.days:
        return Unclear(
            question=f"{number[:20]} of what? Until when?", choices=("2h", "tomorrow", "next week")
        )
    if int(number) < _FEWEST_MINUTES:
        return Unclear(question=f"{number} hours or {number} days?", choices=(f"{number}h", f"{number}d"))
    choices = (f"{number}m", f"{number}h", f"{number}d")
    return Unclear(question=f"{number} minutes, hours or days?", choices=choices)


def _when_today() -> Unclear:
    return Unclear(question="Until when today?", choices=("1h", "eod", "tomorrow"))


def _at_end_of(day: date | None, now: datetime, hours: WorkingHours) -> Until | Unclear:
    span = hours.spans.get(day.weekday()) if day else None
    ends = local_instant(hours, day, span[1]) if day and span else None
    if ends is None or ends <= now:
        return Unclear(question="That has passed already. Until when?", choices=("tomorrow", "next week"))
    return Until(instant=ends)


def _last_working_day(today: date, hours: WorkingHours) -> date | None:
    days = [today + ahead * _DAY for ahead in range(7 - today.weekday())]
    return next((day for day in reversed(days) if day.weekday() in hours.spans), None)


def _wake(moment: Moment, now: datetime, hours: WorkingHours) -> Until | Unclear:
    if moment.clock is None:
        if moment.day == local_day(hours, now):
            return _when_today()
        return _not_too_far(_work_starts(hours, moment.day, later=False), now)
    instant = local_instant(hours, moment.day, moment.clock)
    if instant <= now:
        clock = f"{moment.clock:%H:%M}"
        return Unclear(question=f"{clock} has passed today. Tomorrow?", choices=(f"tomorrow {clock}",))
    return _not_too_far(instant, now)


def _work_starts(hours: WorkingHours, day: date, *, later: bool) -> datetime:
    """The start of work on that day. On a day off that is nine, or with `later` the next working day's."""
    for ahead in range(7 if later else 1):
        looked_at = day + ahead * _DAY
        if (span := hours.spans.get(looked_at.weekday())) is not None:
            return local_instant(hours, looked_at, span[0])
    return local_instant(hours, day, _MONDAY_STARTS)


def _not_too_far(instant: datetime, now: datetime) -> Until | Unclear:
    if instant - now > FAR:
        return Unclear(question="That is more than a year ahead. Until when?")
    return Until(instant=instant)


def describe_instant(instant: datetime, zone: str, now: datetime) -> str:
    """`Mon 17 Aug, 09:00 (Europe/Berlin)`, with the year if it is not this year."""
    there = instant.astimezone(load_zone(zone))
    year = "" if there.year == now.astimezone(there.tzinfo).year else f" {there.year}"
    return f"{there:%a} {there.day} {there:%b}{year}, {there:%H:%M} ({zone})"
