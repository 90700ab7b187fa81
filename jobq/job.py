"""What is queued, and what a handler may say about it. Pure: no database, no clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import from_json

Model = TypeVar("Model", bound=BaseModel)


class Job(BaseModel):
    """Something to do later. Its type and its arguments are its identity: the same job is never queued twice.

    `lane` chooses the workers that take it. A failed try is repeated after `base_retry_minutes * tries**2`
    minutes, `max_retries` times at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_type: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, JsonValue] = {}
    lane: Annotated[int, Field(ge=0, le=32_767)] = 0
    max_retries: Annotated[int, Field(ge=0, le=1_000)] = 13
    base_retry_minutes: Annotated[int, Field(ge=0, le=1_440)] = 5
    delay: timedelta | None = None
    """Counts from the moment it is saved. Set by `runs_in`."""
    ripe_at: AwareDatetime | None = None
    """Set by `runs_at`. Neither this nor a delay: it is ripe at once."""

    def runs_in(self, *, minutes: float = 0, hours: float = 0) -> Self:
        """The same job, ripe that long after it is saved."""
        delay = timedelta(minutes=minutes, hours=hours)
        return self.model_copy(update={"delay": delay, "ripe_at": None})

    def runs_at(self, instant: datetime) -> Self:
        """The same job, ripe at `instant`, which must be aware."""
        _require_aware(instant)
        return self.model_copy(update={"delay": None, "ripe_at": instant})

    def ripe_at_when_saved(self, now: datetime) -> datetime | None:
        """The instant it is ripe when it is saved at `now`; None is at once."""
        return self.ripe_at if self.delay is None else now + self.delay


@dataclass(slots=True)
class ClaimedJob:
    """A job as its handler gets it: one row of the queue, leased to this worker."""

    id: int
    job_type: str
    arguments_json: str
    ripe_at: datetime | None
    created_at: datetime
    lane: int
    fence: int
    tries: int
    """Counts this try."""
    max_retries: int
    base_retry_minutes: int
    last_error: str | None
    _arguments: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def due_at(self) -> datetime:
        """The instant it became ripe: how late it runs is counted from here."""
        return self.created_at if self.ripe_at is None else self.ripe_at

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, parsed when first asked for."""
        if self._arguments is None:
            self._arguments = from_json(self.arguments_json)
        return self._arguments

    def read(self, model: type[Model]) -> Model:
        """The arguments as `model`, straight from the stored text. Raises pydantic's ValidationError."""
        return model.model_validate_json(self.arguments_json)


class Postpone(Exception):
    """Run this job again at `until`, an aware instant.

    Returned by a handler: finished for now, the count of tries starts again. Raised: it could not, through
    no fault of the job, and this was not a try.
    """

    def __init__(self, until: datetime) -> None:
        _require_aware(until)
        super().__init__(f"until {until.isoformat()}")
        self.until = until


class Discard(Exception):
    """This job is gone, for `reason`. Returned or raised by a handler."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


HandlerResult: TypeAlias = Postpone | Discard | None
"""What a handler returns: run the job again later, delete it for a reason, or (None) it is done."""

Handler: TypeAlias = Callable[[ClaimedJob], Awaitable[HandlerResult]]
"""The coroutine function that runs a job. An error that it raises is a failed try."""


def retry_delay(tries: int, base_retry_minutes: int) -> timedelta:
    """How long after its `tries`-th failure a job is tried again."""
    return timedelta(minutes=base_retry_minutes * tries**2)


def _require_aware(instant: datetime) -> None:
    if instant.utcoffset() is None:
        raise ValueError(f"{instant} has no time zone")
