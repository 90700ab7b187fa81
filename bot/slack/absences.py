"""Absences as people type them: `until friday`, `3-14 aug`, `friday 2pm to 5pm`. Pure.

An absence includes its last day. Nothing is guessed: an unclear text becomes a question.
"""

import re
from datetime import date, datetime, time, timedelta

from bot.model import Value
from bot.slack.days import FAR, MONTHS, WEEKDAYS, Unclear, parse_clock, parse_day, parse_dotted
from bot.slack.moments import (
    MIDNIGHT,
    MONTHS_AHEAD,
    PART_OF_DAY,
    PARTS_OF_DAY,
    UNTIL,
    Moment,
    add_months,
    ask_which,
    complete_choices,
    end_of,
    not_understood,
    parse_duration,
    parse_moment,
    read_line,
)
from bot.working_time import WorkingHours, local_day, local_instant

_DAY = timedelta(days=1)

_SPACED_RANGE = re.compile(r"(.+?)(?: - | to | until | till | through )(.+)")
_TIGHT_RANGE = re.compile(r"(.+?) ?- ?(.+)")
_SHARED_MONTH = re.compile(
    rf"((?:(?:{'|'.join(WEEKDAYS)}),? )?\d{{1,2}}\.?) ?- ?"
    rf"((?:(?:{'|'.join(WEEKDAYS)}),? )?\d{{1,2}}\.?) ((?:{'|'.join(MONTHS)})\.?(?: \d{{4}})?)"
)
_MONTH_SHARED = re.compile(rf"((?:{'|'.join(MONTHS)})\.?) (\d{{1,2}}) ?- ?(\d{{1,2}})")
_SHARED_DOTTED = re.compile(r"(\d{1,2})\. ?- ?(\d{1,2}\.(\d{1,2})\.?)")
_HOURS_OR_DAYS = re.compile(r"(\d{1,2}) ?(?:-| to ) ?(\d{1,2})")
_REASON = re.compile(
    r"^(?:i am |im )?(?:(?:on |out )?(?:sick leave|sick|vacation|annual leave|leave|holidays?|pto)"
    r"|out of office|out of the office|out|away)(?: |$)"
)
"""The reason comes first in `sick today`. It is not kept: nobody needs to know it."""
_BACK = re.compile(r"(?:be |i am |im )?back (?:on |at )?(.+)")
_ENDS_FIRST = "That ends before it begins. Which days are you away?"


class Interval(Value):
    """An absence from `starts_at` until `ends_at`, which is exclusive."""

    starts_at: datetime
    ends_at: datetime


def parse_absence(text: str, now: datetime, hours: WorkingHours) -> Interval | Unclear:
    """Whole local days, such as `until friday` or `3-14 aug` (the last one included), or hours of a day."""
    phrase = read_line(text, hours)
    if isinstance(phrase, Unclear):
        return phrase
    phrase = _REASON.sub("", phrase)
    for parse in (
        _absent_for,
        _absent_until_back,
        _absent_until,
        _absent_in_week,
        _absent_in_part,
        _absent_on_day,
        _absent_from_to,
    ):
        if (interval := parse(phrase, now, hours)) is not None:
            return interval
    return not_understood(text, ("today", "tomorrow", "next week"))


def _absent_for(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    phrase = phrase.removeprefix("for ")
    if phrase.isdecimal():
        choices = (f"{phrase}h",) if len(phrase) < 3 and int(phrase) else ()
        return Unclear(question=f"{phrase[:20]} hours? Or until which day?", choices=choices)
    lasting = parse_duration(phrase)
    today = local_day(hours, now)
    if (months := MONTHS_AHEAD.fullmatch(phrase)) is not None:
        lasting = add_months(months[1], today) - today
    if lasting is None:
        return None
    if lasting > FAR:
        return Unclear(question="That is more than a year. Which is the last day you are away?")
    if lasting < _DAY:
        return _between(now, now + lasting)
    if lasting % _DAY:
        ends = today + lasting // _DAY * _DAY
        last_days = (f"until {ends.isoformat()}", f"until {(ends + _DAY).isoformat()}")
        return Unclear(question="Which is the last day you are away?", choices=last_days)
    with_today, without = today + lasting - _DAY, today + lasting
    return Unclear(
        question="Does that count today?",
        choices=(f"until {with_today.isoformat()}", f"until {without.isoformat()}"),
    )


def _absent_until(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    matched = UNTIL.fullmatch(phrase)
    if matched is None:
        return None
    if matched[1] in ("eow", "end of week", "end of the week"):
        return _absent_in_week("this week", now, hours)
    until = "today" if MIDNIGHT.fullmatch(matched[1]) else matched[1]
    moment = parse_moment(until, now, hours)
    if isinstance(moment, Unclear):
        return complete_choices(moment, "until {}")
    return _between(now, end_of(moment, hours)) if moment else None


def _absent_until_back(phrase: str, now: datetime, hours: WorkingHours) -> Interval | Unclear | None:
    """`back monday`: Sunday is the last day."""
    if (matched := _BACK.fullmatch(phrase)) is None:
        return None
    lasting = parse_duration(matched[1].removeprefix("in ")) if matched[1].startswith("in ") else None
    if lasting is not None and lasting < _DAY:
        return _between(now, now + lasting)
    moment = parse_moment(matched[1], now, hours)
    if isinstance(moment, Unclear):
        return complete_choices(moment, "back {}")
    if moment is None:
        return None
    return _between(now, local_instant(hours, moment.day, moment.clock or time.min))


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
    if (matched := PART_OF_DAY.fullmatch(phrase.removeprefix("on "))) is None:
        return None
    day = matched[1] if matched[1] not in (None, "this") else "today"
    moment = parse_day(day, local_day(hours, now))
    if moment is None or isinstance(moment, Unclear):
        return complete_choices(moment, f"{{}} {matched[2]}") if moment else None
    begins, ends = PARTS_OF_DAY[matched[2]]
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
        return _from_without_end(phrase, now, hours)
    first = _parse_first(_as_clock(matched[1], matched[2]), now, hours)
    if isinstance(first, Unclear):
        return _with_end(first, matched[2], now, hours)
    last = _parse_last(matched[2], first, now, hours) if first else None
    if isinstance(last, Unclear):
        return complete_choices(last, f"{matched[1]} - {{}}")
    if first is None or last is None:
        return None
    if last.day < first.day:
        days = f"{last.day.isoformat()} - {first.day.isoformat()}"
        return Unclear(question=f"{_ENDS_FIRST} Or is it {days}?", choices=(days,))
    starts_at = max(now, local_instant(hours, first.day, first.clock or time.min))
    return _between(starts_at, end_of(last, hours))


def _from_without_end(phrase: str, now: datetime, hours: WorkingHours) -> Unclear | None:
    """A question about `from 2pm`. None if the text is anything else."""
    first = parse_moment(phrase.removeprefix("from "), now, hours)
    if not isinstance(first, Moment):
        return complete_choices(first, "") if first else None
    begins = f"{first.day.isoformat()}{f' {first.clock:%H:%M}' if first.clock else ''}"
    ends = (first.day, first.day + _DAY)
    return Unclear(question="Until when?", choices=tuple(f"{begins} - {day.isoformat()}" for day in ends))


def _as_clock(phrase: str, last: str) -> str:
    """`14` is a time of day in `14-17:00`."""
    return f"at {phrase}" if phrase.isdecimal() and parse_clock(last) is not None else phrase


def _parse_first(phrase: str, now: datetime, hours: WorkingHours) -> Moment | Unclear | None:
    """The beginning of a range, where `3.12` is a day rather than a time."""
    return parse_moment(_as_day(phrase, local_day(hours, now)), now, hours)


def _as_day(phrase: str, today: date) -> str:
    dotted = parse_dotted(phrase, today)
    return f"{phrase}." if dotted and dotted.day else phrase


def _with_end(first: Unclear, phrase: str, now: datetime, hours: WorkingHours) -> Unclear:
    """A question about the beginning of a range, its choices completed by the end if that is clear."""
    last = parse_moment(phrase, now, hours)
    complete = complete_choices(first, f"{{}} - {phrase}").choices
    away = {c: read for c in complete if isinstance(read := parse_absence(c, now, hours), Interval)}
    # A range that has begun: perhaps the person means from now on.
    until: tuple[str, ...] = ()
    if isinstance(last, Moment) and last.clock is None and last.day - local_day(hours, now) < FAR:
        is_begun = all(end_of(last, hours) < read.starts_at for read in away.values())
        until = (f"until {last.day.isoformat()}",) if is_begun else ()
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
        return from_now
    return from_now if moment is None else moment


def _between(starts_at: datetime, ends_at: datetime) -> Interval | Unclear:
    if ends_at <= starts_at:
        return Unclear(question=_ENDS_FIRST)
    return Interval(starts_at=starts_at, ends_at=ends_at)
