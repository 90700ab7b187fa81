"""When people are away. Pure: `now` is an argument."""

from datetime import datetime

from bot.people.model import Absence, Person
from bot.working_time import next_working_instant


def current_absence(person: Person, now: datetime) -> Absence | None:
    """Of the absences that cover this instant, the one that ends last."""
    covering = [absence for absence in person.absences if absence.starts_at <= now < absence.ends_at]
    return max(covering, key=lambda absence: absence.ends_at, default=None)


def away_until(person: Person, now: datetime) -> datetime | None:
    """The end (exclusive) of an absence that keeps them from reading a request made now; None if they can.

    An absence that begins before their next working minute counts. Absences without a working minute between
    them count as one.
    """
    until, look_at = None, now
    while (at := next_working_instant(person.hours, look_at)) is not None:
        absence = current_absence(person, look_at) or current_absence(person, at)
        if absence is None:
            break
        until = look_at = absence.ends_at
    return until
