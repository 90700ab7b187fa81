"""Days and times of day as people type them. Pure. Nothing is guessed: an unclear text becomes a question."""

import re
from calendar import day_abbr, day_name, month_abbr, month_name
from datetime import date, time, timedelta

from bot.model import Value

WEEKDAYS = {name.lower(): number for names in (day_name, day_abbr) for number, name in enumerate(names)}
WEEKDAYS |= {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}
MONTHS = {n.lower(): number for names in (month_name, month_abbr) for number, n in enumerate(names) if n}
MONTHS |= {"sept": 9}

FAR = timedelta(days=366)
SOON = timedelta(days=183)
"""A date that has passed this year means next year's only if that is at most half a year ahead."""

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_WEEKDAY = "|".join(sorted(WEEKDAYS, key=len, reverse=True))
_DAY_MONTH = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\.?(?: of)? ({_MONTH})\.?(?:,? (\d{{4}}))?")
_MONTH_DAY = re.compile(rf"({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.?(\d{4})?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})(?:/(\d{2,4}))?")
_CLOCK = re.compile(r"(?:at )?(\d{1,2})(?:[:.h](\d{2}))? ?(am|pm|h|o'?clock)?")


class Unclear(Value):
    """A question to the person. `choices` are texts that would have been clear."""

    question: str
    choices: tuple[str, ...] = ()


def parse_day(text: str, today: date) -> date | Unclear | None:
    """A day from today on. None if the text is not a day."""
    if text in ("today", "tonight"):
        return today
    if text in ("tomorrow", "tmr", "tmrw"):
        return today + timedelta(days=1)
    if text == "day after tomorrow":
        return today + timedelta(days=2)
    if text.removeprefix("this ") in WEEKDAYS:
        return _weekday(text.removeprefix("this "), today)
    if text.startswith("next ") and text.removeprefix("next ") in WEEKDAYS:
        return _next_weekday(text.removeprefix("next "), today)
    return _calendar_day(text, today)


def _weekday(word: str, today: date) -> date | Unclear:
    ahead = (WEEKDAYS[word] - today.weekday()) % 7
    if ahead == 0:
        return _which(f"Today is {day_name[today.weekday()]}: today, or in a week?", today, today + _WEEK)
    return today + timedelta(days=ahead)


def _next_weekday(word: str, today: date) -> date | Unclear:
    ahead = (WEEKDAYS[word] - today.weekday()) % 7
    if ahead == 0:
        return today + _WEEK
    near = today + timedelta(days=ahead)
    return _which(f"Which {day_name[WEEKDAYS[word]]}?", near, near + _WEEK)


_WEEK = timedelta(days=7)


def _which(question: str, *days: date) -> Unclear:
    return Unclear(question=question, choices=tuple(day.isoformat() for day in days))


def _calendar_day(text: str, today: date) -> date | Unclear | None:
    if match := _ISO.fullmatch(text):
        return _exact(int(match[1]), int(match[2]), int(match[3]), today)
    if match := _SLASHED.fullmatch(text):
        return _slashed(int(match[1]), int(match[2]), today)
    if match := _DAY_MONTH.fullmatch(text):
        day, month, year = int(match[1]), MONTHS[match[2]], match[3]
    elif match := _MONTH_DAY.fullmatch(text):
        day, month, year = int(match[2]), MONTHS[match[1]], match[3]
    elif match := _DOTTED.fullmatch(text):
        day, month, year = int(match[1]), int(match[2]), match[3]
    else:
        return None
    return _exact(int(year), month, day, today) if year else _nearest(month, day, today)


def _slashed(first: int, second: int, today: date) -> Unclear | None:
    """Offers both readings: 03/04 is March in one country and April in another."""
    days = [day for m, d in ((second, first), (first, second)) if (day := _coming(m, d, today)) is not None]
    return _which("Day first or month first?", *sorted(set(days))) if days else None


def _coming(month: int, day: int, today: date) -> date | None:
    for year in (today.year, today.year + 1):
        made = _make(year, month, day)
        if made is not None and made >= today:
            return made
    return None


def _exact(year: int, month: int, day: int, today: date) -> date | Unclear:
    made = _make(year, month, day)
    if made is None:
        return Unclear(question=f"There is no {year}-{month:02}-{day:02}. Which day?")
    if made < today:
        return Unclear(question=f"{made.isoformat()} has passed. Which day?")
    if made - today > FAR:
        return Unclear(question=f"{made.isoformat()} is more than a year ahead. Which day?")
    return made


def _nearest(month: int, day: int, today: date) -> date | Unclear:
    made = _make(today.year, month, day)
    if made is not None and made >= today:
        return made
    later = _make(today.year + 1, month, day)
    if later is None:
        return Unclear(question=f"There is no such day as {day}.{month}. here. Which day?")
    if later - today <= SOON:
        return later
    return _which(f"{day} {month_name[month]} has passed this year. Next year?", later)


def _make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_clock(text: str) -> time | Unclear | None:
    """A time of day. None if the text is not one. A bare hour from 1 to 7 becomes a question."""
    if text in ("noon", "midday"):
        return time(12)
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return Unclear(question=f"{text} is no time of day. When?")
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif match[2] is None and half is None and 1 <= hour <= 7:
        return Unclear(
            question=f"{hour} in the morning or in the afternoon?", choices=(f"{hour}am", f"{hour}pm")
        )
    if hour > 23 or minute > 59:
        return Unclear(question=f"{text} is no time of day. When?")
    return time(hour, minute)
