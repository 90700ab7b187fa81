"""The changes that a person makes in Slack, with the state before and after, so that they can be undone."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bot.model import HIDING, PersonId, RequestId, Value


class Snooze(Value):
    """No reminder before `until`, or before something changes. With neither it is not snoozed."""

    until: datetime | None = None
    until_change: bool = False


class EverythingSnoozed(Value):
    """All reminders of a person were snoozed until an instant. None means not snoozed."""

    kind: Literal["everything_snoozed"] = "everything_snoozed"
    person_id: PersonId
    before: datetime | None
    after: datetime | None


class RequestSnoozed(Value):
    """The reminders about one review request were snoozed, or their snooze was ended."""

    kind: Literal["request_snoozed"] = "request_snoozed"
    request_id: RequestId
    before: Snooze
    after: Snooze


class RequestMuted(Value):
    """One review request was muted or unmuted."""

    kind: Literal["request_muted"] = "request_muted"
    request_id: RequestId
    before: bool
    after: bool


class AbsenceInForce(Value):
    """An absence was saved or cancelled. The values say whether it is in force."""

    kind: Literal["absence_in_force"] = "absence_in_force"
    person_id: PersonId
    absence_id: int
    before: bool
    after: bool


Change = Annotated[
    EverythingSnoozed | RequestSnoozed | RequestMuted | AbsenceInForce, Field(discriminator="kind")
]
CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...], config=HIDING)


class Action(Value):
    """Something that a person did. `answer` is the text that they got for it."""

    id: int
    person_id: PersonId
    answer: str
    changes: tuple[Change, ...]
    done_at: datetime
    undone_at: datetime | None = None
