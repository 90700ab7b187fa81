"""Times as people type them, as instants: `2h`, `until friday 14:00`, `3-14 aug`. Pure.

A snooze ends when the person's working day begins; an absence includes its last day. Nothing is guessed: an
unclear text becomes a question, and no text is an error.
"""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.model import Value
from bot.slack.days import MONTHS, Unclear, parse_clock, parse_day
from bot.working_time import WorkingHours, local_day, local_instant

_DAY = timedelta(days=1)
_FAR = timedelta(days=366)
_MONDAY_STARTS = time(9)

_UNITS = {
    "m": timedelta(minutes=1), "min": timedelta(minutes=1), "mins": timedelta(minutes=1),
    "minute": timedelta(minutes=1), "minutes": timedelta(minutes=1),
    "h": timedelta(hours=1), "hr": timedelta(hours=1), "hrs": timedelta(hours=1),
    "hour": timedelta(hours=1), "hours": timedelta(hours=1),
    "d": _DAY, "day": _DAY, "days": _DAY,
    "w": 7 * _DAY, "wk": 7 * _DAY, "wks": 7 * _DAY, "week": 7 * _DAY, "weeks": 7 * _DAY,
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_PART = re.compile(rf"(\d+(?:[.,]\d+)?) ?({_UNIT})(?![a-z])(?: and| ,|,)? ?")
_HOURS_MINUTES = re.compile(r"(\d+) ?h ?(\d{1,2})")
_WORDS = {"an hour": "1h", "half an hour": "30m", "a day": "1d", "a week": "1w", "a minute": "1m"}
_SPACED_RANGE = re.compile(r"(.+?)(?: - | to | until | till | through )(.+)")
_TIGHT_RANGE = re.compile(r"(.+?) ?- ?(.+)")
_SHARED_MONTH = re.compile(rf"(\d{{1,2}}\.?) ?- ?(\d{{1,2}}\.? (?:{'|'.join(MONTHS)})\.?(?: \d{{4}})?)")
_MONTH_SHARED = re.compile(rf"((?:{'|'.join(MONTHS)})\.?) (\d{{1,2}}) ?- ?(\d{{1,2}})")
_SHARED_DOTTED = re.compile(r"(\d{1,2})\. ?- ?(\d{1,2}\.(\d{1,2})\.?)")
_UNTIL = re.compile(r"(?:until|till|til|thru|through|to) (.+)")


class Until(Value):
    """A snooze that ends at this instant."""

    instant: datetime


class Interval(Value):
    """An absence from `starts_at` until `ends_at`, which is exclusive."""

    starts_at: datetime
    ends_at: datetime


class _Moment(Value):
    """A day, with a time of day if one was typed."""

    day: date
    clock: time | None = None


def normalize(text: str) -> str:
    """Lower case, with plain dashes and spaces and no quotes: Slack and phones insert typographic ones."""
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", plain)
    plain = re.sub(r"[\u2018\u2019\u201c\u201d\"'`]", "", plain)
    return re.sub(r"\s+", " ", plain).strip(" .!,")


def parse_snooze_time(text: str, now: datetime, hours: WorkingHours) -> Until | Unclear:
    """When a snooze ends: `2h` is clock time from now; a day means the start of the person's working day."""
    phrase = normalize(text)
    if (lasting := _parse_duration(re.sub(r"^(for|in) ", "", phrase))) is not None:
        return _not_too_far(now + lasting, now)
    matched = _UNTIL.fullmatch(phrase)
    phrase = matched[1] if matched else phrase
    if (special := _special_snooze(phrase, now, hours)) is not None:
        return special
    moment = _parse_moment(phrase, now, hours)
    if moment is None:
        return _not_understood(text, ("2h", "tomorrow", "next week"))
    if isinstance(moment, Unclear):
        return moment
    return _wake(moment, now, hours)


def _parse_duration(phrase: str) -> timedelta | None:
    phrase = _WORDS.get(phrase, phrase)
    if match := _HOURS_MINUTES.fullmatch(phrase):
        return timedelta(hours=int(match[1]), minutes=int(match[2])) or None
    total, place = timedelta(0), 0
    while place < len(phrase):
        match = _PART.match(phrase, place)
        if match is None:
            return None
        total += min(float(match[1].replace(",", ".")), 100_000) * _UNITS[match[2]]
        place = match.end()
    return total or None


def _special_snooze(phrase: str, now: datetime, hours: WorkingHours) -> Until | Unclear | None:
    today = local_day(hours, now)
    if phrase.isdecimal():
        return Unclear(question=f"{phrase} hours or {phrase} days?", choices=(f"{phrase}h", f"{phrase}d"))
    if phrase == "next week":
        return Until(instant=_work_starts(hours, today + (7 - today.weekday()) * _DAY, later=True))
    if phrase in ("eod", "end of day", "end of the day"):
        return _at_end_of(today, now, hours)
    if phrase in ("eow", "end of week", "end of the week"):
        return _at_end_of(_last_working_day(today, hours), now, hours)
    return _when_today() if phrase == "today" else None


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


def _wake(moment: _Moment, now: datetime, hours: WorkingHours) -> Until | Unclear:
    if moment.clock is None:
        if moment.day == local_day(hours, now):
            return _when_today()
        return Until(instant=_work_starts(hours, moment.day, later=False))
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
    if instant - now > _FAR:
        return Unclear(question="That is more than a year ahead. Until when?")
    return Until(instant=instant)


def parse_absence(text: str, now: datetime, hours: WorkingHours) -> Interval | Unclear:
    """Whole local days, such as `until friday` or `3-14 aug` (the last one included), or hours of a day."""
    phrase = normalize(text)
    for parse in (_absent_for, _absent_until, _absent_in_week, _absent_on_day, _absent_from_to):
        if (interval := parse(phrase, now, hours)) is not None:
            return interval
    return _not_understood(text, ("today", "tomorrow", "next week"))


def _absent_for(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    phrase = phrase.removeprefix("for ")
    if phrase.isdecimal():
        return Unclear(question=f"{phrase} hours? Or until which day?", choices=(f"{phrase}h",))
    lasting = _parse_duration(phrase)
    if lasting is None:
        return None
    if lasting < _DAY:
        return Interval(starts_at=now, ends_at=now + lasting)
    if lasting % _DAY:
        return Unclear(question="Which is the last day you are away?", choices=("until friday",))
    today = local_day(hours, now)
    with_today, without = today + lasting - _DAY, today + lasting
    return Unclear(
        question="Does that count today?",
        choices=(f"until {with_today.isoformat()}", f"until {without.isoformat()}"),
    )


def _absent_until(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    matched = _UNTIL.fullmatch(phrase)
    if matched is None:
        return None
    if matched[1] in ("eow", "end of week", "end of the week"):
        return _absent_in_week("this week", now, hours)
    moment = _parse_moment(matched[1], now, hours)
    if isinstance(moment, Unclear):
        return _within(moment, "until {}")
    return _between(now, _end(moment, hours)) if moment else None


def _absent_in_week(phrase: str, now: datetime, hours: WorkingHours) -> Interval | None:
    today = local_day(hours, now)
    monday = today + (7 - today.weekday()) * _DAY
    if phrase in ("this week", "rest of the week", "eow", "end of week"):
        return Interval(starts_at=now, ends_at=local_instant(hours, monday, time.min))
    if phrase in ("next week", "all next week"):
        ends = local_instant(hours, monday + 7 * _DAY, time.min)
        return Interval(starts_at=local_instant(hours, monday, time.min), ends_at=ends)
    return None


def _absent_on_day(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    word = phrase.removeprefix("on ").removeprefix("all ").removesuffix(" all day")
    if word in ("rest of the day", "eod", "this afternoon"):
        word = "today"
    day = parse_day(word, local_day(hours, now))
    if day is None or isinstance(day, Unclear):
        return day
    starts_at = max(now, local_instant(hours, day, time.min))
    return Interval(starts_at=starts_at, ends_at=local_instant(hours, day + _DAY, time.min))


def _absent_from_to(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    phrase = _with_shared_month(phrase)
    # With ` - ` or a word between the days, the dashes of 2026-12-03 must not split them.
    matched = _SPACED_RANGE.fullmatch(phrase) or _TIGHT_RANGE.fullmatch(phrase)
    if matched is None:
        return None
    first = _parse_moment(matched[1], now, hours)
    if isinstance(first, Unclear):
        ends_clearly = isinstance(_parse_moment(matched[2], now, hours), _Moment) and " " not in matched[2]
        return _within(first, f"{{}} - {matched[2]}" if ends_clearly else "")
    last = _parse_last(matched[2], first, now, hours) if first else None
    if isinstance(last, Unclear):
        return _within(last, f"{matched[1]} - {{}}")
    if first is None or last is None:
        return None
    starts_at = max(now, local_instant(hours, first.day, first.clock or time.min))
    return _between(starts_at, _end(last, hours))


def _with_shared_month(phrase: str) -> str:
    """`3-14 aug` becomes `3 aug - 14 aug`."""
    phrase = phrase.removeprefix("from ")
    if match := _SHARED_MONTH.fullmatch(phrase):
        return f"{match[1].rstrip('.')} {match[2].split(' ', 1)[1]} - {match[2]}"
    if match := _MONTH_SHARED.fullmatch(phrase):
        return f"{match[1]} {match[2]} - {match[1]} {match[3]}"
    if match := _SHARED_DOTTED.fullmatch(phrase):
        return f"{match[1]}.{match[3]}. - {match[2]}"
    return phrase


def _parse_last(phrase: str, first: _Moment, now: datetime, hours: WorkingHours) -> _Moment | Unclear | None:
    """The end of a range. Its day is found from the beginning on; a time alone is on the first day."""
    if first.clock is not None:
        clock = parse_clock(phrase)
        if isinstance(clock, time):
            return _Moment(day=first.day, clock=clock)
        if clock is not None:
            return clock
    moment = _parse_moment(phrase, local_instant(hours, first.day, time.min), hours)
    return moment if moment is not None else _parse_moment(phrase, now, hours)


def _end(moment: _Moment, hours: WorkingHours) -> datetime:
    if moment.clock is not None:
        return local_instant(hours, moment.day, moment.clock)
    return local_instant(hours, moment.day + _DAY, time.min)


def _between(starts_at: datetime, ends_at: datetime) -> Interval | Unclear:
    if ends_at <= starts_at:
        return Unclear(question="That ends before it begins. Which days are you away?")
    return Interval(starts_at=starts_at, ends_at=ends_at)


def _parse_moment(phrase: str, now: datetime, hours: WorkingHours) -> _Moment | Unclear | None:
    """A day, a time today, or a day and a time in either order. None if the text is none of these."""
    today = local_day(hours, now)
    if (day := parse_day(phrase.removeprefix("on "), today)) is not None:
        return day if isinstance(day, Unclear) else _Moment(day=day)
    if (clock := parse_clock(phrase)) is not None:
        return clock if isinstance(clock, Unclear) else _Moment(day=today, clock=clock)
    for place in [match.start() for match in re.finditer(" ", phrase)]:
        for left, right in ((phrase[:place], phrase[place + 1 :]), (phrase[place + 1 :], phrase[:place])):
            day, clock = parse_day(left.strip(" ,"), today), parse_clock(right.strip(" ,"))
            if day is None or clock is None:
                continue
            if isinstance(day, Unclear):
                return _within(day, f"{{}} {right.strip(' ,')}")
            if isinstance(clock, Unclear):
                return _within(clock, f"{day.isoformat()} {{}}")
            return _Moment(day=day, clock=clock)
    return None


def _within(unclear: Unclear, phrase: str) -> Unclear:
    """Completes the choices of a question about a part of the text. An empty phrase drops the choices."""
    choices = tuple(phrase.format(choice) for choice in unclear.choices) if phrase else ()
    return unclear.model_copy(update={"choices": choices})


def _not_understood(text: str, choices: tuple[str, ...]) -> Unclear:
    return Unclear(question=f"Ripe does not understand “{text.strip()[:80]}”. When?", choices=choices)


def describe_instant(instant: datetime, zone: str, now: datetime) -> str:
    """`Mon 17 Aug, 09:00 (Europe/Berlin)`, with the year if it is not this year."""
    there = instant.astimezone(ZoneInfo(zone))
    year = "" if there.year == now.astimezone(there.tzinfo).year else f" {there.year}"
    return f"{there:%a} {there.day} {there:%b}{year}, {there:%H:%M} ({zone})"
