"""What a person changed in Slack: the state before and after, so that it can be taken back exactly."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.model import PersonId, RequestId, Value


class Snooze(Value):
    """Not before `until`; or not before something happens. Neither: not snoozed."""

    until: datetime | None = None
    until_change: bool = False


class EverythingSnoozed(Value):
    """All reminders of a person, until an instant (None: not snoozed)."""

    kind: Literal["everything_snoozed"] = "everything_snoozed"
    person_id: PersonId
    before: datetime | None
    after: datetime | None


class RequestSnoozed(Value):
    """The reminders about one review request."""

    kind: Literal["request_snoozed"] = "request_snoozed"
    request_id: RequestId
    before: Snooze
    after: Snooze


class RequestMuted(Value):
    """Whether there are no more reminders about one review request."""

    kind: Literal["request_muted"] = "request_muted"
    request_id: RequestId
    before: bool
    after: bool


class AbsenceInForce(Value):
    """Whether an absence counts: false before it was made, and after it was cancelled."""

    kind: Literal["absence_in_force"] = "absence_in_force"
    person_id: PersonId
    absence_id: int
    before: bool
    after: bool


Change = Annotated[
    EverythingSnoozed | RequestSnoozed | RequestMuted | AbsenceInForce, Field(discriminator="kind")
]
CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


class Action(Value):
    """Something a person did. `told` is the sentence they were answered."""

    id: int
    person_id: PersonId
    told: str
    changes: tuple[Change, ...]
    done_at: datetime
    undone_at: datetime | None = None
