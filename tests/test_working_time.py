"""When somebody is at work: examples as sentences, laws, and every zone on the days its clock changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.working_time import (
    Interval,
    WorkingHours,
    add_working_time,
    local_day,
    local_instant,
    next_working_instant,
    start_of_working_day_after,
    working_time_between,
)

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)


def at(text: str, zone: str = BERLIN, *, again: bool = False) -> datetime:
    """An instant as a clock in the zone shows it; `again`: when it shows it for the second time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=again).astimezone(UTC)


def office(zone: str = BERLIN) -> WorkingHours:
    """Monday to Friday, nine to five."""
    return WorkingHours(zone=zone)


def daily(start: str, end: str, zone: str = BERLIN) -> WorkingHours:
    """The same hours on all seven days."""
    span = (time.fromisoformat(start), time.fromisoformat(end))
    return WorkingHours(zone=zone, spans=dict.fromkeys(range(7), span))


def weekdays(*days: int) -> WorkingHours:
    return WorkingHours(zone=BERLIN, spans=dict.fromkeys(days, (time(9), time(17))))


def away(start: str, end: str) -> Interval:
    return at(start), at(end)


# 2026-07-03 is a Friday.
@pytest.mark.parametrize(
    ("start", "amount", "expected"),
    [
        ("2026-07-03 16:30", 2 * HOUR, "2026-07-06 10:30"),
        ("2026-07-03 15:00", 2 * HOUR, "2026-07-03 17:00"),
        ("2026-07-03 07:00", 2 * HOUR, "2026-07-03 11:00"),
        ("2026-07-04 12:00", 2 * HOUR, "2026-07-06 11:00"),
        ("2026-07-03 17:00", 2 * HOUR, "2026-07-06 11:00"),
        ("2026-07-06 09:00", 40 * HOUR, "2026-07-10 17:00"),
        ("2026-07-06 09:00", 28 * HOUR, "2026-07-09 13:00"),
        ("2026-07-04 12:00", 0 * HOUR, "2026-07-06 09:00"),
        ("2026-07-03 16:59:30", timedelta(minutes=1), "2026-07-06 09:00:30"),
    ],
    ids=[
        "Friday 16:30 and 2 working hours is Monday 10:30",
        "what ends with the day ends with the day",
        "before work nothing counts",
        "on Saturday nothing counts",
        "the end of the day is not in it",
        "40 hours are a week",
        "28 hours are three and a half days",
        "nothing on a Saturday is Monday morning",
        "seconds count",
    ],
)
def test_working_time_passes_only_at_work(start: str, amount: timedelta, expected: str) -> None:
    assert add_working_time(office(), at(start), amount) == at(expected)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-07-03 10:00", "2026-07-03 10:00"),
        ("2026-07-03 09:00", "2026-07-03 09:00"),
        ("2026-07-03 08:59", "2026-07-03 09:00"),
        ("2026-07-02 17:00", "2026-07-03 09:00"),
        ("2026-07-03 17:00", "2026-07-06 09:00"),
        ("2026-07-05 23:59", "2026-07-06 09:00"),
    ],
    ids=["at work", "on the dot", "too early", "just over", "over for the week", "Sunday night"],
)
def test_the_next_working_instant_is_now_or_when_work_begins(now: str, expected: str) -> None:
    assert next_working_instant(office(), at(now)) == at(expected)


@pytest.mark.parametrize(
    ("absences", "expected"),
    [
        ([away("2026-07-06 00:00", "2026-07-08 00:00")], "2026-07-08 09:00"),
        ([away("2026-07-06 08:00", "2026-07-06 13:00")], "2026-07-06 13:00"),
        ([away("2026-07-06 11:00", "2026-07-06 13:00")], "2026-07-06 10:00"),
        ([away("2026-07-06 10:00", "2026-07-06 17:00")], "2026-07-07 09:00"),
        ([away("2026-07-06 12:00", "2026-07-07 12:00"), away("2026-07-06 09:00", "2026-07-06 12:00")],
         "2026-07-07 12:00"),
        ([away("2026-07-06 09:00", "2026-07-06 16:00"), away("2026-07-06 10:00", "2026-07-06 11:00")],
         "2026-07-06 16:00"),
        ([away("2026-07-05 10:00", "2026-07-06 10:00")], "2026-07-06 10:00"),
    ],
    ids=[
        "two days off", "a morning off", "a noon off is not yet", "the rest of the day off",
        "one absence after the other", "one absence inside the other", "back just now",
    ],
)  # fmt: skip
def test_who_is_away_works_when_back(absences: list[Interval], expected: str) -> None:
    assert next_working_instant(office(), at("2026-07-06 10:00"), absences) == at(expected)


def test_working_time_stands_still_in_an_absence() -> None:
    lunch = [away("2026-07-06 12:00", "2026-07-06 13:00")]
    assert add_working_time(office(), at("2026-07-06 11:00"), 3 * HOUR, lunch) == at("2026-07-06 15:00")
    assert working_time_between(office(), at("2026-07-06 11:00"), at("2026-07-06 15:00"), lunch) == 3 * HOUR


def test_an_absence_in_local_time_that_ends_before_the_clock_changes_is_left_in_real_hours() -> None:
    berlin = ZoneInfo(BERLIN)
    absences = [(datetime(2026, 3, 28, tzinfo=berlin), datetime(2026, 3, 29, 1, tzinfo=berlin))]
    night, start, end = daily("00:00", "08:00"), at("2026-03-29 00:30"), at("2026-03-29 07:00")
    assert add_working_time(night, start, 3 * HOUR, absences) == at("2026-03-29 05:00")
    assert working_time_between(night, start, end.astimezone(berlin), absences) == 5 * HOUR


def test_a_part_time_day_off_does_not_count() -> None:
    tuesday_to_thursday = weekdays(1, 2, 3)
    assert next_working_instant(tuesday_to_thursday, at("2026-07-03 10:00")) == at("2026-07-07 09:00")
    assert add_working_time(tuesday_to_thursday, at("2026-07-02 16:00"), 2 * HOUR) == at("2026-07-07 10:00")
    assert start_of_working_day_after(tuesday_to_thursday, at("2026-07-02 10:00")) == at("2026-07-07 09:00")


@pytest.mark.parametrize(
    ("hours", "absences"),
    [(WorkingHours(zone=BERLIN, spans={}), []), (office(), [away("2026-01-01", "2036-01-01")])],
    ids=["no working day", "ten years off"],
)
def test_who_never_works_is_never_reached(hours: WorkingHours, absences: list[Interval]) -> None:
    now = at("2026-07-03 10:00")
    assert next_working_instant(hours, now, absences) is None
    assert add_working_time(hours, now, HOUR, absences) is None
    assert working_time_between(hours, now, now + 1000 * HOUR, absences) == timedelta(0)


def test_the_next_working_day_is_another_day_even_before_work() -> None:
    assert start_of_working_day_after(office(), at("2026-07-03 01:00")) == at("2026-07-06 09:00")
    assert start_of_working_day_after(office(), at("2026-07-06 18:00")) == at("2026-07-07 09:00")
    assert start_of_working_day_after(WorkingHours(zone=BERLIN, spans={}), at("2026-07-06 18:00")) is None


def test_no_time_lies_between_an_instant_and_an_earlier_one() -> None:
    assert working_time_between(office(), at("2026-07-06 12:00"), at("2026-07-06 10:00")) == timedelta(0)


def test_what_has_waited_for_six_years_has_waited_for_six_years() -> None:
    days = [date(2020, 1, 1) + timedelta(days=day) for day in range(6 * 365 + 2)]
    worked = sum(day.weekday() < 5 for day in days)
    assert days[-1] == date(2025, 12, 31)
    assert working_time_between(office(), at("2020-01-01"), at("2026-01-01")) == worked * 8 * HOUR


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "Europe", "../etc/passwd", "Europe/Berlin\0"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError):
        WorkingHours(zone=zone)


@pytest.mark.parametrize(
    "spans", [{7: (time(9), time(17))}, {0: (time(17), time(9))}, {0: (time(9), time(9))}]
)
def test_hours_that_make_no_sense_are_refused(spans: dict[int, tuple[time, time]]) -> None:
    with pytest.raises(ValidationError):
        WorkingHours(zone=BERLIN, spans=spans)


@pytest.mark.parametrize(
    ("day", "zone", "length"),
    [
        ("2026-03-28", BERLIN, 8), ("2026-03-29", BERLIN, 7), ("2026-10-25", BERLIN, 9),
        ("2026-10-04", "Australia/Lord_Howe", 7.5), ("2026-04-05", "Australia/Lord_Howe", 8.5),
        ("2018-11-04", "America/Sao_Paulo", 7), ("2018-02-18", "America/Sao_Paulo", 8),
        ("2024-04-14", "Africa/Casablanca", 7), ("2024-03-10", "Africa/Casablanca", 9),
        ("2022-03-22", "Asia/Tehran", 7), ("2022-09-22", "Asia/Tehran", 8),
        ("2011-12-29", "Pacific/Apia", 8), ("2011-12-30", "Pacific/Apia", 0),
        ("2011-12-31", "Pacific/Apia", 8), ("2024-03-31", "America/Nuuk", 8),
        ("2026-03-29", "Antarctica/Troll", 6), ("2025-11-02", "America/Havana", 9),
    ],
)  # fmt: skip
def test_a_night_shift_from_midnight_to_eight_is_as_long_as_the_night(
    day: str, zone: str, length: float
) -> None:
    noon_before = at(f"{day} 12:00", zone) - 24 * HOUR
    if day == "2011-12-30":  # a day that Samoa skipped: its noon is the noon of the 31st
        noon_before = at("2011-12-29 12:00", zone)
    night = daily("00:00", "08:00", zone)
    midnight = local_instant(night, date.fromisoformat(day), time(0))
    eight = local_instant(night, date.fromisoformat(day), time(8))
    assert working_time_between(night, midnight, eight) == length * HOUR
    assert working_time_between(night, noon_before, eight) == length * HOUR


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        (daily("02:30", "10:00"), "2026-03-28 12:00", "2026-03-29 03:00"),
        (daily("02:15", "02:45"), "2026-03-28 12:00", "2026-03-30 02:15"),
        (daily("00:00", "08:00", "America/Sao_Paulo"), "2018-11-03 12:00", "2018-11-04 01:00"),
        (daily("02:15", "10:00", "Australia/Lord_Howe"), "2026-10-03 12:00", "2026-10-04 02:30"),
        (daily("02:30", "10:00", "Africa/Casablanca"), "2024-04-13 12:00", "2024-04-14 03:00"),
        (daily("00:30", "08:00", "Asia/Tehran"), "2022-03-21 12:00", "2022-03-22 01:00"),
        (daily("23:15", "23:45", "America/Nuuk"), "2024-03-30 12:00", "2024-03-31 23:15"),
        (office("Pacific/Apia"), "2011-12-29 17:00", "2012-01-02 09:00"),
        (daily("09:00", "17:00", "Pacific/Apia"), "2011-12-29 17:00", "2011-12-31 09:00"),
    ],
    ids=[
        "a start in the gap is its end", "hours all in the gap are skipped", "a gap at midnight",
        "half an hour", "after Ramadan", "the last one in Tehran", "a gap that ends the day",
        "a Friday that never was", "a day that never was",
    ],
)  # fmt: skip
def test_hours_that_the_clock_leaps_over_begin_after_the_leap(
    hours: WorkingHours, now: str, expected: str
) -> None:
    assert next_working_instant(hours, at(now, hours.zone)) == at(expected, hours.zone)


def test_hours_that_end_in_the_gap_end_with_the_clock_that_leaps() -> None:
    hours = daily("22:00", "23:30", "America/Nuuk")
    done = add_working_time(hours, at("2024-03-30 12:00", hours.zone), HOUR)
    assert done == at("2024-03-31 00:00", hours.zone)
    assert next_working_instant(hours, done) == at("2024-03-31 22:00", hours.zone)


def test_once_a_working_day_has_ended_the_repeated_hour_does_not_begin_it_again() -> None:
    hours = daily("00:00", "02:30")
    assert next_working_instant(hours, at("2026-10-25 02:10")) == at("2026-10-25 02:10")
    assert next_working_instant(hours, at("2026-10-25 02:10", again=True)) == at("2026-10-26 00:00")


def test_no_minute_of_the_repeated_hour_counts_that_the_clock_shows_as_before_work() -> None:
    hours = daily("02:30", "10:00")
    assert next_working_instant(hours, at("2026-10-25 02:40")) == at("2026-10-25 02:40")
    assert next_working_instant(hours, at("2026-10-25 02:10", again=True)) == at(
        "2026-10-25 02:30", again=True
    )
    assert working_time_between(hours, at("2026-10-25 00:00"), at("2026-10-25 12:00")) == 8 * HOUR


def test_a_local_time_is_the_first_of_two_or_the_first_after_a_gap() -> None:
    assert local_instant(office(), date(2026, 10, 25), time(2, 30)) == at("2026-10-25 02:30")
    gap = local_instant(office(), date(2026, 3, 29), time(2, 30, 15, 500))
    assert gap == at("2026-03-29 03:00")


def test_the_local_day_is_the_one_on_the_persons_calendar() -> None:
    instant = datetime(2026, 7, 3, 23, 30, tzinfo=UTC)
    assert local_day(office(), instant) == date(2026, 7, 4)
    assert local_day(office("America/New_York"), instant) == date(2026, 7, 3)


# Laws

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
    found = next_working_instant(week.hours, week.at, week.absences)
    assert found is not None
    assert found >= week.at
    assert found.tzinfo is UTC
    assert is_working(week, found)
    assert next_working_instant(week.hours, found, week.absences) == found
    assert working_time_between(week.hours, week.at, found, week.absences) == timedelta(0)


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
def test_adding_twice_is_adding_the_sum(week: Week, one: timedelta, other: timedelta) -> None:
    hours, start, absences = week
    middle = add_working_time(hours, start, one, absences)
    assert middle is not None
    assert add_working_time(hours, middle, other, absences) == add_working_time(
        hours, start, one + other, absences
    )


@settings(deadline=None)
@given(weeks(), STEPS, STEPS)
def test_working_time_adds_up_over_any_instant_between(week: Week, one: timedelta, other: timedelta) -> None:
    hours, start, absences = week
    middle, end = start + one, start + one + other
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
    found, day = [], start_of_working_day_after(hours, start)
    while day is not None and day < end:
        found.append(day)
        day = start_of_working_day_after(hours, day)
    assert found == list(expected.values())


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
@pytest.mark.parametrize("zone", ZONES)
def test_nothing_lies_outside_working_hours_in_any_zone_when_the_clock_changes(zone: str) -> None:
    check_zone(zone)
