"""Working time: when a person is at work, and how much of that lies between two instants. Pure.

All instants are aware; results are in UTC. A working day is a span of local wall-clock time, so it is an hour
shorter or longer on some daylight-saving days; additions and measurements count elapsed time in such spans.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import field_validator, model_validator

from bot.model import Value

Interval = tuple[datetime, datetime]
"""A half-open interval: the start belongs to it, the end does not."""

_NINE_TO_FIVE = (time(9), time(17))
MONDAY_TO_FRIDAY = {weekday: _NINE_TO_FIVE for weekday in range(5)}
UNKNOWN_ZONE = "UTC"
"""The zone of a person whose own is unknown here."""
HORIZON = timedelta(days=3 * 366)
"""How far ahead to look. A person who is not at work for three years counts as never at work."""


class WorkingHours(Value):
    """When a person works: for each weekday (Monday = 0) a local span; a weekday left out is off."""

    zone: str
    spans: Mapping[int, tuple[time, time]] = MONDAY_TO_FRIDAY

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        load_zone(zone)
        return zone

    @model_validator(mode="after")
    def _check_spans(self) -> "WorkingHours":
        if any(weekday not in range(7) or start >= end for weekday, (start, end) in self.spans.items()):
            raise ValueError("a span needs a weekday from 0 to 6, and a start before its end")
        return self

    @cached_property
    def tz(self) -> ZoneInfo:
        return load_zone(self.zone)


def load_zone(name: str) -> ZoneInfo:
    """A zone by its name, or by that name in one of the folders `posix` and `right`. Raises ValueError.

    Zones are looked up here only: Postgres has a database of its own, which may be older or newer.
    """
    try:
        return ZoneInfo(name.removeprefix("posix/").removeprefix("right/"))
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone") from None


def is_zone(name: str) -> bool:
    """Whether this is the name of a known time zone."""
    try:
        load_zone(name)
    except ValueError:
        return False
    return True


def next_working_instant(
    hours: WorkingHours, at: datetime, absences: Iterable[Interval] = ()
) -> datetime | None:
    """`at` itself in working time, else the first working instant after it. None: not in three years."""
    first = next(_free_spans(hours, at, absences), None)
    return first[0] if first else None


def add_working_time(
    hours: WorkingHours, start: datetime, amount: timedelta, absences: Iterable[Interval] = ()
) -> datetime | None:
    """The instant by which `amount` of working time has passed since `start`. None: not in three years.

    Friday 16:30 and 2 hours make Monday 10:30. The end of a span counts as reached, so the result may be the
    minute at which work ends.
    """
    left = amount
    for begins, ends in _free_spans(hours, start, absences):
        if left <= ends - begins:
            return begins + left
        left -= ends - begins
    return None


def working_time_between(
    hours: WorkingHours, start: datetime, end: datetime, absences: Iterable[Interval] = ()
) -> timedelta:
    """How much working time lies between two instants. Zero if `end` is not after `start`."""
    pieces = _free_spans(hours, start, absences, until=end)
    return sum((ends - begins for begins, ends in pieces), timedelta(0))


def start_of_working_day_after(hours: WorkingHours, at: datetime) -> datetime | None:
    """When the first working day after the local day of `at` begins. None: not in three years."""
    today = local_day(hours, at)
    spans = _spans(hours, at, at + HORIZON)
    return next((begins for begins, _ in spans if local_day(hours, begins) > today), None)


def local_day(hours: WorkingHours, at: datetime) -> date:
    """The date on the person's calendar."""
    return at.astimezone(hours.tz).date()


def bounds_of_local_day(hours: WorkingHours, at: datetime) -> Interval:
    """From the midnight before an instant to the next one, on the person's clock."""
    today = local_day(hours, at)
    return local_instant(hours, today, time.min), local_instant(hours, today + timedelta(days=1), time.min)


def local_instant(hours: WorkingHours, day: date, wall: time) -> datetime:
    """The instant of a local wall-clock time: the first of two, or the first that exists after a gap."""
    naive = datetime.combine(day, wall)
    instant = naive.replace(tzinfo=hours.tz).astimezone(UTC)
    if instant.astimezone(hours.tz).replace(tzinfo=None) == naive:
        return instant
    return _end_of_gap(hours.tz, naive)


def _end_of_gap(zone: ZoneInfo, naive: datetime) -> datetime:
    """When clocks jumped over a local time: the first instant after the jump, to the second."""
    before = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return _change_of_clock(zone, before, after)


def _change_of_clock(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant of the new offset, to the second, given that it changed once between two instants."""
    old_offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _spans(hours: WorkingHours, start: datetime, until: datetime) -> Iterator[Interval]:
    """The working time from `start` until `until`, in order."""
    # A day more at both ends: a span may begin before local midnight of a zone whose day was skipped.
    first = local_day(hours, start) - timedelta(days=1)
    for number in range((local_day(hours, until) - first).days + 2):
        day = first + timedelta(days=number)
        if (span := hours.spans.get(day.weekday())) is None:
            continue
        for opens, closes in _spans_of_day(hours, day, *span):
            begins, ends = max(opens, start.astimezone(UTC)), min(closes, until.astimezone(UTC))
            if begins < ends:
                yield begins, ends


def _spans_of_day(hours: WorkingHours, day: date, start: time, end: time) -> Iterator[Interval]:
    """From the first `start` to the first `end` on the clock; nothing if the clock skipped both."""
    begins, ends = local_instant(hours, day, start), local_instant(hours, day, end)
    again = datetime.combine(day, start, hours.tz).replace(fold=1).astimezone(UTC)
    if begins < again < ends:
        # The clock went back behind `start`: until it shows it again, it shows a time before work.
        yield begins, _change_of_clock(hours.tz, begins, again)
        begins = again
    if begins < ends:
        yield begins, ends


def _free_spans(
    hours: WorkingHours, start: datetime, absences: Iterable[Interval], until: datetime | None = None
) -> Iterator[Interval]:
    # In UTC: Python compares and adds two instants of one local zone by their wall-clock time.
    away = sorted(
        (away_from.astimezone(UTC), away_until.astimezone(UTC)) for away_from, away_until in absences
    )
    for begins, ends in _spans(hours, start, until or start + HORIZON):
        for away_from, away_until in away:
            if away_until <= begins or away_from >= ends:
                continue
            if begins < away_from:
                yield begins, away_from
            begins = max(begins, away_until)
        if begins < ends:
            yield begins, ends
