"""Laws of working time, and every zone on the days on which its clock changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.working_time import (
    Interval,
    WorkingHours,
    add_working_time,
    local_day,
    next_working_instant,
    start_of_working_day_after,
    working_time_between,
)
from tests.promises import Promise
from tests.test_working_time import HOUR, daily, office

ZONES = sorted(available_timezones())
FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)


@cache
def clock_changes(zone: str) -> list[datetime]:
    """When the clock changed within the half day before, in the three years."""
    tz, step = ZoneInfo(zone), 12 * HOUR
    instants = [FROM + number * step for number in range(int((UNTIL - FROM) / step))]
    offsets = [instant.astimezone(tz).utcoffset() for instant in instants]
    return [instants[i] for i in range(1, len(instants)) if offsets[i] != offsets[i - 1]]


class Week(NamedTuple):
    """Somebody's hours and absences, and an instant, as often as not near a change of their clock."""

    hours: WorkingHours
    at: datetime
    absences: list[Interval]


MINUTES = st.integers(0, 24 * 60 - 1)
AMOUNTS = st.integers(0, 20 * 60).map(lambda minutes: timedelta(minutes=minutes))
STEPS = st.timedeltas(timedelta(0), timedelta(days=9))


def clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


@st.composite
def spans(draw: st.DrawFn) -> tuple[time, time]:
    start = draw(st.integers(0, 23 * 60))
    return clock(start), clock(draw(st.integers(start + 30, 24 * 60 - 1)))


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    zone = draw(st.sampled_from(ZONES))
    hours = WorkingHours(zone=zone, spans=draw(st.dictionaries(st.integers(0, 6), spans(), min_size=1)))
    near = draw(st.sampled_from([*clock_changes(zone), FROM]))
    instant = near + draw(st.timedeltas(timedelta(days=-3), timedelta(days=2)))
    tz = draw(st.sampled_from([hours.tz, UTC]))
    absences = []
    for _ in range(draw(st.integers(0, 3))):
        start = instant + draw(st.timedeltas(timedelta(days=-4), timedelta(days=6)))
        end = start + draw(st.timedeltas(timedelta(minutes=1), timedelta(days=4)))
        absences.append((start.astimezone(tz), end.astimezone(tz)))
    return Week(hours, instant, absences)


def is_working(week: Week, instant: datetime) -> bool:
    wall = instant.astimezone(week.hours.tz)
    span = week.hours.spans.get(wall.weekday())
    is_away = any(start.astimezone(UTC) <= instant < end.astimezone(UTC) for start, end in week.absences)
    return span is not None and span[0] <= wall.time() < span[1] and not is_away


@settings(deadline=None)
@given(weeks())
def test_the_next_working_instant_is_at_work_and_the_first_such(week: Week) -> None:
    instant = next_working_instant(week.hours, week.at, week.absences)
    assert instant is not None
    assert instant >= week.at
    assert instant.tzinfo is UTC
    assert is_working(week, instant)
    assert next_working_instant(week.hours, instant, week.absences) == instant
    assert working_time_between(week.hours, week.at, instant, week.absences) == timedelta(0)


@settings(deadline=None)
@given(weeks(), AMOUNTS)
def test_what_was_added_is_what_lies_between(week: Week, amount: timedelta) -> None:
    end = add_working_time(week.hours, week.at, amount, week.absences)
    assert end is not None
    assert end.tzinfo is UTC
    assert working_time_between(week.hours, week.at, end, week.absences) == amount
    # The end of a span counts as reached: then it is the instant before that was at work.
    assert is_working(week, end) or is_working(week, end - timedelta(microseconds=1))


@settings(deadline=None)
@given(weeks(), AMOUNTS, AMOUNTS.filter(bool))
def test_adding_twice_is_adding_the_sum(week: Week, first: timedelta, second: timedelta) -> None:
    hours, start, absences = week
    middle = add_working_time(hours, start, first, absences)
    assert middle is not None
    assert add_working_time(hours, middle, second, absences) == add_working_time(
        hours, start, first + second, absences
    )


@settings(deadline=None)
@given(weeks(), STEPS, STEPS)
def test_working_time_adds_up_over_any_instant_between(
    week: Week, first: timedelta, second: timedelta
) -> None:
    hours, start, absences = week
    middle, end = start + first, start + first + second
    parts = working_time_between(hours, start, middle, absences) + working_time_between(
        hours, middle, end, absences
    )
    assert working_time_between(hours, start, end.astimezone(hours.tz), absences) == parts
    assert timedelta(0) <= parts <= end - start


@settings(deadline=None)
@given(weeks(), STEPS, AMOUNTS, AMOUNTS)
def test_later_and_more_is_never_earlier(
    week: Week, step: timedelta, amount: timedelta, more: timedelta
) -> None:
    hours, start, absences = week
    first, second = (next_working_instant(hours, when, absences) for when in (start, start + step))
    assert first is not None
    assert second is not None
    assert first <= second
    less = add_working_time(hours, start, amount, absences)
    most = add_working_time(hours, start + step, amount + more, absences)
    assert less is not None
    assert most is not None
    assert less <= most


@settings(deadline=None)
@given(weeks(), STEPS)
def test_absences_remove_exactly_their_time(week: Week, step: timedelta) -> None:
    hours, start, absences = week
    left, end = working_time_between(hours, start, start + step), start + step
    for number, (begins, ends) in enumerate(absences):
        # Each takes what the ones before it left.
        left -= working_time_between(hours, max(begins, start), min(ends, end), absences[:number])
    assert working_time_between(hours, start, end, absences) == left
    assert working_time_between(hours, start, end, absences[::-1]) == left


# Promise T1: every zone, on the days its clock changes and around them


def all_hours(zone: str) -> list[WorkingHours]:
    """Office hours, and such as begin, end or lie in the hours that clocks skip and repeat."""
    by_night = [("00:00", "23:59"), ("02:15", "02:45"), ("01:30", "10:00"), ("00:15", "06:00")]
    at_midnight = [("22:00", "23:30"), ("23:15", "23:45")]
    return [office(zone), *(daily(start, end, zone) for start, end in by_night + at_midnight)]


def windows(zone: str) -> list[tuple[datetime, datetime]]:
    """Two days around each change, or around New Year where the clock never changes."""
    changes = clock_changes(zone) or [datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 2027, 2028)]
    return [(change - 60 * HOUR, change + 48 * HOUR) for change in changes]


def walk(hours: WorkingHours, clocks: list[datetime]) -> Iterator[Interval]:
    """The oracle looks at the clock each minute: it is work while that shows the hours, until their end."""
    begun, over = None, None
    for wall in clocks:
        start, end = hours.spans.get(wall.weekday(), (time.max, time.max))
        if wall.time() >= end:
            over = wall.date()
        is_at_work = start <= wall.time() and over != wall.date()
        if begun is not None and (not is_at_work or begun.date() != wall.date()):
            yield begun.astimezone(UTC), wall.astimezone(UTC)
            begun = None
        if is_at_work and begun is None:
            begun = wall
    if begun is not None:
        yield begun.astimezone(UTC), clocks[-1].astimezone(UTC) + timedelta(minutes=1)


def check_days(hours: WorkingHours, worked: list[Interval], start: datetime, end: datetime) -> None:
    """Each working day begins once, when the oracle says."""
    expected: dict[date, datetime] = {}
    for begins, _ in worked:
        expected.setdefault(local_day(hours, begins), begins)
    expected.pop(local_day(hours, start), None)
    days, day = [], start_of_working_day_after(hours, start)
    while day is not None and day < end:
        days.append(day)
        day = start_of_working_day_after(hours, day)
    assert days == list(expected.values())


def check_zone(zone: str) -> None:
    """All working time and nothing else is what the oracle sees."""
    for start, end in windows(zone):
        minutes = range((end - start) // timedelta(minutes=1))
        clocks = [(start + timedelta(minutes=minute)).astimezone(ZoneInfo(zone)) for minute in minutes]
        for hours in all_hours(zone):
            worked, edge = list(walk(hours, clocks)), start
            for begins, ends in worked:
                assert next_working_instant(hours, edge) == begins
                assert working_time_between(hours, edge, begins) == timedelta(0)
                assert working_time_between(hours, begins, ends) == ends - begins
                assert add_working_time(hours, begins, ends - begins) == ends
                edge = ends
            assert working_time_between(hours, edge, end) == timedelta(0)
            check_days(hours, worked, start, end)


SAMPLE = [
    "Africa/Casablanca", "America/Havana", "America/Nuuk", "America/Santiago", "Antarctica/Troll",
    "Asia/Beirut", "Asia/Kathmandu", "Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin",
    "Pacific/Apia", "Pacific/Chatham",
]  # fmt: skip


@pytest.mark.parametrize("zone", SAMPLE)
def test_nothing_lies_outside_working_hours_when_the_clock_changes(zone: str) -> None:
    check_zone(zone)


@pytest.mark.torture
def test_nothing_lies_outside_working_hours_in_any_zone_when_the_clock_changes(promise: Promise) -> None:
    wrong = [zone for zone in ZONES if not is_right(zone)]
    changes = sum(len(clock_changes(zone)) for zone in ZONES)
    size = f"{len(ZONES)} zones, {changes} changes of the clock, {len(all_hours('UTC'))} kinds of hours"
    promise("T1", size, f"{len(wrong)} zones wrong")
    assert wrong == []


def is_right(zone: str) -> bool:
    try:
        check_zone(zone)
    except AssertionError:
        return False
    return True
