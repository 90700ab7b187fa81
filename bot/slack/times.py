"""Times as people type them, as instants: `2h`, `until friday 14:00`, `3-14 aug`. Pure.

A snooze ends when the person's working day begins; an absence includes its last day. Nothing is guessed: an
unclear text becomes a question, and no text is an error.
"""

import re
from datetime import date, datetime, time, timedelta

from bot.model import Value
from bot.slack.days import FAR, MONTHS, WEEKDAYS, Unclear, parse_clock, parse_day, parse_dotted
from bot.slack.moments import (
    Moment,
    ask_which,
    complete_choices,
    end_of,
    parse_duration,
    parse_moment,
    read_line,
)
from bot.slack.typed_text import clean_typed
from bot.working_time import WorkingHours, load_zone, local_day, local_instant

_DAY = timedelta(days=1)
_MONDAY_STARTS = time(9)

_SPACED_RANGE = re.compile(r"(.+?)(?: - | to | until | till | through )(.+)")
_TIGHT_RANGE = re.compile(r"(.+?) ?- ?(.+)")
_SHARED_MONTH = re.compile(
    rf"((?:(?:{'|'.join(WEEKDAYS)}),? )?\d{{1,2}}\.?) ?- ?"
    rf"((?:(?:{'|'.join(WEEKDAYS)}),? )?\d{{1,2}}\.?) ((?:{'|'.join(MONTHS)})\.?(?: \d{{4}})?)"
)
_MONTH_SHARED = re.compile(rf"((?:{'|'.join(MONTHS)})\.?) (\d{{1,2}}) ?- ?(\d{{1,2}})")
_SHARED_DOTTED = re.compile(r"(\d{1,2})\. ?- ?(\d{1,2}\.(\d{1,2})\.?)")
_HOURS_OR_DAYS = re.compile(r"(\d{1,2}) ?(?:-| to ) ?(\d{1,2})")
_PART_OF_DAY = re.compile(r"(?:(.+) )?(morning|afternoon|evening|night)")
_PARTS_OF_DAY = {
    "morning": (time.min, time(12)), "afternoon": (time(12), None), "evening": (time(18), None),
    "night": (time(18), None),
}  # fmt: skip
"""From when until when each part of a day lasts; None is the end of the day."""
_UNTIL = re.compile(r"(?:until|till|til|thru|through|to) (.+)")


_ENDS_FIRST = "That ends before it begins. Which days are you away?"


class Until(Value):
    """A snooze that ends at this instant."""

    instant: datetime


class Interval(Value):
    """An absence from `starts_at` until `ends_at`, which is exclusive."""

    starts_at: datetime
    ends_at: datetime


def parse_snooze_time(text: str, now: datetime, hours: WorkingHours) -> Until | Unclear:
    """When a snooze ends: `2h` is clock time from now; a day means the start of the person's working day."""
    phrase = read_line(text, hours)
    if isinstance(phrase, Unclear):
        return phrase
    if (lasting := parse_duration(re.sub(r"^(for|in) ", "", phrase))) is not None:
        return _not_too_far(now + lasting, now)
    matched = _UNTIL.fullmatch(phrase)
    phrase = matched[1] if matched else phrase
    if (special := _special_snooze(phrase, now, hours)) is not None:
        return special
    moment = parse_moment(phrase, now, hours)
    if moment is None:
        return _not_understood(text, ("2h", "tomorrow", "next week"))
    if isinstance(moment, Unclear):
        return moment
    return _wake(moment, now, hours)


def _special_snooze(phrase: str, now: datetime, hours: WorkingHours) -> Until | Unclear | None:
    today = local_day(hours, now)
    if phrase.isdecimal():
        return _hours_or_days(phrase)
    if phrase == "next week":
        return Until(instant=_work_starts(hours, today + (7 - today.weekday()) * _DAY, later=True))
    if phrase in ("eod", "end of day", "end of the day"):
        return _at_end_of(today, now, hours)
    if phrase in ("eow", "end of week", "end of the week"):
        return _at_end_of(_last_working_day(today, hours), now, hours)
    return _when_today() if phrase == "today" else None


def _hours_or_days(number: str) -> Unclear:
    if len(number) > 3 or not 0 < int(number) <= FAR.days:
        return Unclear(
            question=f"{number[:20]} of what? Until when?", choices=("2h", "tomorrow", "next week")
        )
    return Unclear(question=f"{number} hours or {number} days?", choices=(f"{number}h", f"{number}d"))


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
    if instant - now > FAR:
        return Unclear(question="That is more than a year ahead. Until when?")
    return Until(instant=instant)


def parse_absence(text: str, now: datetime, hours: WorkingHours) -> Interval | Unclear:
    """Whole local days, such as `until friday` or `3-14 aug` (the last one included), or hours of a day."""
    phrase = read_line(text, hours)
    if isinstance(phrase, Unclear):
        return phrase
    for parse in (
        _absent_for,
        _absent_until,
        _absent_in_week,
        _absent_in_part,
        _absent_on_day,
        _absent_from_to,
    ):
        if (interval := parse(phrase, now, hours)) is not None:
            return interval
    return _not_understood(text, ("today", "tomorrow", "next week"))


def _absent_for(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    phrase = phrase.removeprefix("for ")
    if phrase.isdecimal():
        choices = (f"{phrase}h",) if len(phrase) < 3 and int(phrase) else ()
        return Unclear(question=f"{phrase[:20]} hours? Or until which day?", choices=choices)
    lasting = parse_duration(phrase)
    if lasting is None:
        return None
    if lasting > FAR:
        return Unclear(question="That is more than a year. Which is the last day you are away?")
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
    moment = parse_moment(matched[1], now, hours)
    if isinstance(moment, Unclear):
        return complete_choices(moment, "until {}")
    return _between(now, end_of(moment, hours)) if moment else None


def _absent_in_week(phrase: str, now: datetime, hours: WorkingHours) -> Interval | None:
    today = local_day(hours, now)
    monday = today + (7 - today.weekday()) * _DAY
    if phrase in ("this week", "rest of the week", "eow", "end of week"):
        return Interval(starts_at=now, ends_at=local_instant(hours, monday, time.min))
    if phrase in ("next week", "all next week"):
        ends = local_instant(hours, monday + 7 * _DAY, time.min)
        return Interval(starts_at=local_instant(hours, monday, time.min), ends_at=ends)
    return None


def _absent_in_part(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    """`this afternoon`, `friday morning`: not the whole day."""
    phrase = "today evening" if phrase == "tonight" else phrase
    if (matched := _PART_OF_DAY.fullmatch(phrase.removeprefix("on "))) is None:
        return None
    day = matched[1] if matched[1] not in (None, "this") else "today"
    moment = parse_day(day, local_day(hours, now))
    if moment is None or isinstance(moment, Unclear):
        return complete_choices(moment, f"{{}} {matched[2]}") if moment else None
    begins, ends = _PARTS_OF_DAY[matched[2]]
    ends_at = end_of(Moment(day=moment, clock=ends), hours)
    if ends_at <= now:
        return Unclear(question="That has passed already. When are you away?", choices=("today", "tomorrow"))
    return Interval(starts_at=max(now, local_instant(hours, moment, begins)), ends_at=ends_at)


def _absent_on_day(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    word = phrase.removeprefix("on ").removeprefix("all ").removesuffix(" all day")
    if word in ("rest of the day", "eod"):
        word = "today"
    today = local_day(hours, now)
    # A time alone is no absence, so `10.12` can only be a day here.
    if (dotted := parse_dotted(word, today)) is not None and dotted.hours is not None:
        return ask_which(dotted, now, hours)
    day = parse_day(word, today)
    if day is None or isinstance(day, Unclear):
        return day
    starts_at = max(now, local_instant(hours, day, time.min))
    return Interval(starts_at=starts_at, ends_at=local_instant(hours, day + _DAY, time.min))


def _absent_from_to(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    if (matched := _HOURS_OR_DAYS.fullmatch(phrase.removeprefix("from "))) is not None:
        return _hours_or_days_of_month(int(matched[1]), int(matched[2]), now, hours)
    phrase = _with_shared_month(phrase)
    # With ` - ` or a word between the days, the dashes of 2026-12-03 must not split them.
    matched = _SPACED_RANGE.fullmatch(phrase) or _TIGHT_RANGE.fullmatch(phrase)
    if matched is None:
        return None
    first = _parse_first(matched[1], now, hours)
    if isinstance(first, Unclear):
        return _with_end(first, matched[2], now, hours)
    last = _parse_last(matched[2], first, now, hours) if first else None
    if isinstance(last, Unclear):
        return complete_choices(last, f"{matched[1]} - {{}}")
    if first is None or last is None:
        return None
    starts_at = max(now, local_instant(hours, first.day, first.clock or time.min))
    return _between(starts_at, end_of(last, hours))


def _parse_first(phrase: str, now: datetime, hours: WorkingHours) -> Moment | Unclear | None:
    """The beginning of a range, where `3.12` is a day rather than a time."""
    return parse_moment(_as_day(phrase, local_day(hours, now)), now, hours)


def _as_day(phrase: str, today: date) -> str:
    dotted = parse_dotted(phrase, today)
    return f"{phrase}." if dotted and dotted.day else phrase


def _with_end(first: Unclear, phrase: str, now: datetime, hours: WorkingHours) -> Unclear:
    """A question about the beginning of a range, its choices completed by the end if that is clear."""
    last = parse_moment(phrase, now, hours)
    if not isinstance(last, Moment):
        return complete_choices(first, "")
    complete = complete_choices(first, f"{{}} - {phrase}").choices
    away = {c: read for c in complete if isinstance(read := parse_absence(c, now, hours), Interval)}
    # A range that has begun: perhaps the person means from now on.
    is_begun = last.clock is None and all(end_of(last, hours) < read.starts_at for read in away.values())
    until = (f"until {last.day.isoformat()}",) if is_begun and last.day - local_day(hours, now) < FAR else ()
    return first.model_copy(update={"choices": (*until, *away)})


def _hours_or_days_of_month(first: int, last: int, now: datetime, hours: WorkingHours) -> Unclear:
    """A question about `10-12`: two hours of a day, or two days of a month?"""
    choices = [f"today {first:02}:00-{last:02}:00", f"tomorrow {first:02}:00-{last:02}:00"]
    if first < last:
        choices += [
            f"{first} {month} - {last} {month}" for month in _this_and_next_month(local_day(hours, now))
        ]
    clear = tuple(c for c in choices if isinstance(parse_absence(c, now, hours), Interval))
    return Unclear(question=f"{first} to {last}: hours of a day, or days of a month?", choices=clear)


def _this_and_next_month(today: date) -> tuple[str, str]:
    return f"{today:%b}".lower(), f"{today.replace(day=1) + 31 * _DAY:%b}".lower()


def _with_shared_month(phrase: str) -> str:
    """`3-14 aug` becomes `3 aug - 14 aug`."""
    phrase = phrase.removeprefix("from ")
    if match := _SHARED_MONTH.fullmatch(phrase):
        return f"{match[1].rstrip('.')} {match[3]} - {match[2].rstrip('.')} {match[3]}"
    if match := _MONTH_SHARED.fullmatch(phrase):
        return f"{match[1]} {match[2]} - {match[1]} {match[3]}"
    if match := _SHARED_DOTTED.fullmatch(phrase):
        return f"{match[1]}.{match[3]}. - {match[2]}"
    return phrase


def _parse_last(phrase: str, first: Moment, now: datetime, hours: WorkingHours) -> Moment | Unclear | None:
    """The end of a range. Its day is found from the beginning on; a time alone is on the first day."""
    if first.clock is not None:
        clock = parse_clock(phrase)
        if isinstance(clock, time):
            return Moment(day=first.day, clock=clock)
        if clock is not None:
            return clock
    phrase = _as_day(phrase, first.day)
    moment = parse_moment(phrase, local_instant(hours, first.day, time.min), hours)
    if isinstance(moment, Moment):
        return moment
    from_now = parse_moment(phrase, now, hours)
    if isinstance(from_now, Moment) and from_now.day < first.day:
        days = f"{from_now.day.isoformat()} - {first.day.isoformat()}"
        return Unclear(question=f"{_ENDS_FIRST} Or is it {days}?")
    return from_now if moment is None else moment


def _between(starts_at: datetime, ends_at: datetime) -> Interval | Unclear:
    if ends_at <= starts_at:
        return Unclear(question=_ENDS_FIRST)
    return Interval(starts_at=starts_at, ends_at=ends_at)


def _not_understood(text: str, choices: tuple[str, ...]) -> Unclear:
    return Unclear(question=f"Ripe does not understand “{clean_typed(text)[:80]}”. When?", choices=choices)


def describe_instant(instant: datetime, zone: str, now: datetime) -> str:
    """`Mon 17 Aug, 09:00 (Europe/Berlin)`, with the year if it is not this year."""
    there = instant.astimezone(load_zone(zone))
    year = "" if there.year == now.astimezone(there.tzinfo).year else f" {there.year}"
    return f"{there:%a} {there.day} {there:%b}{year}, {there:%H:%M} ({zone})"
