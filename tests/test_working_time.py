"""When somebody is at work, in examples. The laws are in test_working_time_laws.py."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
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
