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
_WITH_WEEKDAY = re.compile(rf"({_WEEKDAY})\.?,? (.*\d.*)")
_DAY_MONTH = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\.?(?: of)? ({_MONTH})\.?(?:,? (\d{{4}}))?")
_MONTH_DAY = re.compile(rf"({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?")
_DAY_OF_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})(?:\. ?(\d{4}|\d{2})?)?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})(?:/(\d{2,4}))?")
_CLOCK = re.compile(r"(?:at )?(\d{1,2})(?:([:.h])(\d{2}))? ?(am|pm|h|oclock)?")
_DOTTED_NUMBER = re.compile(r"(\d{1,2})\.(\d{1,2})")


class Unclear(Value):
    """A question to the person. `choices` are texts that would have been clear."""

    question: str
    choices: tuple[str, ...] = ()


def parse_day(text: str, today: date) -> date | Unclear | None:
    """A day from today on. None if the text is not a day."""
    text = text.removeprefix("the ")
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
    if (match := _WITH_WEEKDAY.fullmatch(text)) is not None:
        return _day_with_weekday(WEEKDAYS[match[1]], match[2], today)
    return _calendar_day(text, today)


def _day_with_weekday(weekday: int, text: str, today: date) -> date | Unclear | None:
    """`mon 17 aug`, as Ripe shows days. Asks if that day is not a Monday."""
    day, dotted = _calendar_day(text, today), parse_dotted(text, today)
    if isinstance(day, date) and day.weekday() == weekday:
        return day
    if dotted is not None and dotted.clock is not None:
        return None  # `fri 14.30` is a time on Friday
    if not isinstance(day, date):
        return day
    is_on = day_name[day.weekday()]
    return _which(f"{day.isoformat()} is a {is_on}, not a {day_name[weekday]}. Which day?", day)


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
        return _slashed(int(match[1]), int(match[2]), match[3], today)
    if match := _DAY_MONTH.fullmatch(text):
        day, month, year = int(match[1]), MONTHS[match[2]], match[3]
    elif match := _MONTH_DAY.fullmatch(text):
        day, month, year = int(match[2]), MONTHS[match[1]], match[3]
    elif match := _DOTTED.fullmatch(text):
        day, month, year = int(match[1]), int(match[2]), match[3]
    elif match := _DAY_OF_MONTH.fullmatch(text):
        return _coming_day_of_month(int(match[1]), today)
    else:
        return None
    return _exact(_full_year(year), month, day, today) if year else _nearest(month, day, today)


def _full_year(year: str) -> int:
    return int(year) + (2000 if len(year) == 2 else 0)


def _coming_day_of_month(day: int, today: date) -> date | Unclear | None:
    """The next `26th` from today on. If that is today, it may be meant a month later."""
    months = (
        (today.year + (today.month + ahead - 1) // 12, (today.month + ahead - 1) % 12 + 1)
        for ahead in range(4)
    )
    days = [made for year, month in months if (made := _make(year, month, day)) and made >= today]
    if not days:
        return None
    return _which("Today, or in a month?", *days[:2]) if days[0] == today else days[0]


def _slashed(first: int, second: int, year: str | None, today: date) -> date | Unclear | None:
    """Offers both readings: 03/04 is March in one country and April in another. 12/31 has only one."""
    if year:
        return _slashed_in(_full_year(year), first, second, today)
    days = {(m, d): day for m, d in ((second, first), (first, second)) if (day := _coming(m, d, today))}
    if len(days) == 1:
        return _nearest(*next(iter(days)), today)
    return _which("Day first or month first?", *sorted(days.values())) if days else None


def _slashed_in(year: int, first: int, second: int, today: date) -> date | Unclear:
    """The day of that year, if just one reading is a day at all."""
    readings = {
        made for m, d in ((second, first), (first, second)) if (made := _make(year, m, d)) is not None
    }
    if len(readings) < 2:
        made = min(readings, default=None)
        return _exact(year, made.month if made else second, made.day if made else first, today)
    ahead = sorted(made for made in readings if today <= made <= today + FAR)
    if not ahead:
        return _exact(year, second, first, today)
    return _which("Day first or month first?", *ahead)


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


class Dotted(Value):
    """The readings of `2.5` or `10.12`: a day, a time of day, hours (`2.5h`). None is no reading."""

    day: date | None = None
    clock: time | None = None
    hours: str | None = None


def parse_dotted(text: str, today: date) -> Dotted | None:
    """The readings of two numbers with a dot between them. None for other texts; `2.5.` is only a day."""
    match = _DOTTED_NUMBER.fullmatch(text)
    if match is None:
        return None
    first, second = int(match[1]), int(match[2])
    nearest = _nearest(second, first, today)
    day = _coming(second, first, today) if isinstance(nearest, Unclear) else nearest
    is_clock = len(match[2]) == 2 and first < 24 and second < 60
    return Dotted(
        day=day,
        clock=time(first, second) if is_clock else None,
        hours=f"{text}h" if len(match[2]) == 1 and first <= 12 and first + second > 0 else None,
    )


def parse_clock(text: str) -> time | Unclear | None:
    """A time of day. None if the text is not one. An hour from 1 to 7 becomes a question, but not `03:15`."""
    if text in ("noon", "midday"):
        return time(12)
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[3] or 0), match[4]
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return Unclear(question=f"{text} is no time of day. When?")
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif hour > 23 or minute > 59:
        return Unclear(question=f"{text} is no time of day. When?")
    elif half != "h" and match[2] != "h" and _is_either_half(match[1], is_bare=match[3] is None):
        return _morning_or_afternoon(hour, minute, is_bare=match[3] is None)
    return time(hour, minute)


def _is_either_half(hour: str, *, is_bare: bool) -> bool:
    """Whether people may mean the afternoon. Nobody writes `03:15` for that."""
    return 1 <= int(hour) <= 7 and (is_bare or not hour.startswith("0"))


def _morning_or_afternoon(hour: int, minute: int, *, is_bare: bool) -> Unclear:
    question = f"{hour if is_bare else f'{hour}:{minute:02}'} in the morning or in the afternoon?"
    if is_bare:
        return Unclear(question=question, choices=(f"{hour}am", f"{hour}pm"))
    return Unclear(question=question, choices=(f"{hour:02}:{minute:02}", f"{hour + 12}:{minute:02}"))
