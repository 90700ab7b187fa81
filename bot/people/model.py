"""People: when they work, when they are away, and the GitHub accounts that are theirs."""

import re
from datetime import datetime, time

from pydantic import field_validator

from bot.model import AccountId, PersonId, Value, WorkspaceId
from bot.working_time import MONDAY_TO_FRIDAY, UNKNOWN_ZONE, WorkingHours, is_zone, next_working_instant


class Absence(Value):
    """Out of office from `starts_at` until `ends_at`, which is exclusive.

    `id` is None for an absence that is not stored.
    """

    starts_at: datetime
    ends_at: datetime
    id: int | None = None
    cover_person_id: PersonId | None = None


class Person(Value):
    """One human. `spans` maps a weekday (Monday = 0) to its working hours; None is Mon-Fri 09:00-17:00.

    A `zone` that is unknown here becomes UTC, so that the person still gets their DMs. `guest_allowed` says
    whether an admin connected them although they were guests in Slack; None if nobody has looked at it yet.
    """

    id: PersonId
    workspace_id: WorkspaceId
    slack_user_id: str
    name: str
    zone: str
    spans: dict[int, tuple[time, time]] | None = None
    is_active: bool = True
    guest_allowed: bool | None = None
    max_open_reviews: int | None = None
    dms_per_day: int = 8
    snoozed_until: datetime | None = None
    dm_channel: str | None = None
    welcomed_at: datetime | None = None
    absences: tuple[Absence, ...] = ()

    @field_validator("zone")
    @classmethod
    def _fall_back(cls, zone: str) -> str:
        # Another release or another machine, with more zones, may have stored it.
        return zone if is_zone(zone) else UNKNOWN_ZONE

    @property
    def hours(self) -> WorkingHours:
        """When they work, absences aside."""
        return WorkingHours(zone=self.zone, spans=MONDAY_TO_FRIDAY if self.spans is None else self.spans)

    def current_absence(self, now: datetime) -> Absence | None:
        """Of the absences that cover this instant, the one that ends last."""
        covering = [absence for absence in self.absences if absence.starts_at <= now < absence.ends_at]
        return max(covering, key=lambda absence: absence.ends_at, default=None)

    def away_until(self, now: datetime) -> datetime | None:
        """The end (exclusive) of an absence that keeps them from reading a request made now. None: they can.

        An absence that begins before their next working minute counts. Absences without a working minute
        between them count as one.
        """
        until, look_at = None, now
        while (at := next_working_instant(self.hours, look_at)) is not None:
            absence = self.current_absence(look_at) or self.current_absence(at)
            if absence is None:
                break
            until = look_at = absence.ends_at
        return until


class MappedAccount(Value):
    """A GitHub account that belongs to a person. `login` is its name at the time it was mapped."""

    id: AccountId
    login: str
    person_id: PersonId


_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,98}")


def parse_login(value: str) -> str:
    """A GitHub login; people may write it with an @. Raises ValueError."""
    login = value.removeprefix("@")
    if not _LOGIN.fullmatch(login):
        raise ValueError(f"{value!r} is not a GitHub login")
    return login
