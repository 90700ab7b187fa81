"""Jobs, and what a handler returns. Pure: no database, no clock."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import from_json

Model = TypeVar("Model", bound=BaseModel)
_MINUTE = timedelta(minutes=1)


class Job(BaseModel):
    """Work to do later. Two jobs of the same type with the same arguments are the same job, queued only once.

    `lane` decides which workers take it. A job that fails is retried after `base_retry_minutes * tries**2`
    minutes, at most `max_retries` times.

    At most `concurrency_limit` jobs of a lane with the same `concurrency_key` run at once, in all processes
    together. The others wait, and no job of another key waits behind them. The key is no part of a job's
    identity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    job_type: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, JsonValue] = {}
    lane: Annotated[int, Field(ge=0, le=32_767)] = 0
    max_retries: Annotated[int, Field(ge=0, le=1_000)] = 13
    base_retry_minutes: Annotated[int, Field(ge=0, le=1_440)] = 5
    concurrency_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    concurrency_limit: Annotated[int, Field(ge=1, le=1_000)] = 1
    delay: timedelta | None = None
    """Counts from the moment the job is saved. Set by `runs_in`."""
    ripe_at: AwareDatetime | None = None
    """Set by `runs_at`. Without this and without a delay, the job is ripe at once."""

    def runs_in(self, *, minutes: float = 0, hours: float = 0) -> Self:
        """The same job, ripe so long after it is saved."""
        delay = timedelta(minutes=minutes, hours=hours)
        return self.model_copy(update={"delay": delay, "ripe_at": None})

    def runs_at(self, instant: datetime) -> Self:
        """The same job, ripe at `instant`, which must have a time zone."""
        _require_aware(instant)
        return self.model_copy(update={"delay": None, "ripe_at": instant})

    def ripe_at_when_saved(self, now: datetime) -> datetime | None:
        """When the job is ripe if it is saved at `now`; None means at once."""
        if self.delay is None:
            return None if self.ripe_at is None else bounded(self.ripe_at)
        return later(now, self.delay)


@dataclass(slots=True)
class ClaimedJob:
    """A row of the queue that is leased to this worker; what a handler gets."""

    id: int
    job_type: str
    arguments_json: str
    ripe_at: datetime | None
    created_at: datetime
    lane: int
    fence: int
    tries: int
    """How many tries began, this one included."""
    max_retries: int
    base_retry_minutes: int
    last_error: str | None
    give_backs: int = 0
    """How often in a row it was given back after a deadlock or a lost connection."""
    concurrency_key: str | None = None
    is_finishing: bool = field(default=False, init=False, compare=False)
    """A transaction has deleted its row. If it commits, the job is finished."""
    is_finished: bool = field(default=False, init=False, compare=False)
    """Its row is gone for good: `Queue.finish` was committed."""
    _arguments: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def due_at(self) -> datetime:
        """When the job became ripe."""
        return self.created_at if self.ripe_at is None else self.ripe_at

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as a dict, parsed on first use."""
        if self._arguments is None:
            self._arguments = from_json(self.arguments_json)
        return self._arguments

    def read(self, model: type[Model]) -> Model:
        """The arguments as a pydantic model, parsed from the JSON. Raises pydantic's ValidationError.

        Unknown arguments are ignored, even if the model forbids them: during an upgrade, a newer process may
        have saved the job.
        """
        return model.model_validate_json(self.arguments_json, extra="ignore")


class Postpone(Exception):
    """Run this job again at `until`, an instant with a time zone.

    A handler returns it when it is finished for now: the count of tries starts again. A handler raises it
    when it could not do its work through no fault of the job: this try does not count. The log shows the
    `reason`.
    """

    def __init__(self, until: datetime, reason: str = "") -> None:
        _require_aware(until)
        super().__init__(f"until {until.isoformat()}")
        self.until = until
        self.reason = reason


class Discard(Exception):
    """Delete this job, for `reason`. A handler may return or raise it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


HandlerResult: TypeAlias = Postpone | Discard | None
"""The result of a handler: run the job again later, delete it for a reason, or (None) it is done."""

Handler: TypeAlias = Callable[[ClaimedJob], Awaitable[HandlerResult]]
"""The coroutine function that runs a job. An error that it raises is a failed try."""


@dataclass(frozen=True, slots=True)
class WithDeadline:
    """A handler with a deadline of its own: `{"export": WithDeadline(export, timedelta(hours=1))}`."""

    handler: Handler
    deadline: timedelta

    async def __call__(self, job: ClaimedJob) -> HandlerResult:
        return await self.handler(job)


class RunAlone:
    """The result of a batch handler for a job that it leaves to the handler of single jobs."""


BatchResult: TypeAlias = Exception | RunAlone | None
"""The result of a batch handler for one job.

None, Postpone and Discard mean what they mean when a handler returns them. Any other error is a failed try.
"""

BatchHandler: TypeAlias = Callable[[Sequence[ClaimedJob]], Awaitable[Sequence[BatchResult]]]
"""The coroutine function that runs several jobs of one type. It returns a result for each, in their order."""


@dataclass(frozen=True, slots=True)
class InBatches:
    """A handler that gets many jobs at once: `{"count_visit": InBatches(count_visits, size=100)}`.

    `batch` gets up to `size` jobs. A batch that is not full waits `linger` for more. At most `concurrency`
    batches run at once in a worker, and the next one gathers meanwhile; None sets no limit. If `batch`
    raises, its jobs run one by one: `single` handles them, or without a `single` a batch of one does. So do
    jobs that failed or were given back before, so that no job fails because of another one.
    """

    batch: BatchHandler
    single: Handler | None = None
    size: int = 50
    linger: timedelta = timedelta(0)
    concurrency: int | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a batch needs room for at least one job, not {self.size}")

    async def __call__(self, job: ClaimedJob) -> HandlerResult:
        """Run one job alone."""
        if self.single is not None:
            return await self.single(job)
        (result,) = await self.batch([job])
        if result is None or isinstance(result, Postpone | Discard):
            return result
        if isinstance(result, RunAlone):
            raise TypeError(f"RunAlone needs a handler of single {job.job_type} jobs")
        raise result


def find_batches(handler: Handler | None) -> InBatches | None:
    """The batch handler behind `handler`, if it is one."""
    inner = handler.handler if isinstance(handler, WithDeadline) else handler
    return inner if isinstance(inner, InBatches) else None


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""No stored instant is beyond these: Postgres and Python differ about where time ends."""
LONGEST_RETRY_DELAY = timedelta(days=365)


def bounded(instant: datetime) -> datetime:
    """The same instant, or the nearest that the queue can store."""
    return min(max(instant, EARLIEST), LATEST)


def later(now: datetime, delay: timedelta) -> datetime:
    """`delay` after `now`, or the nearest instant that the queue can store."""
    return bounded(now + min(delay, LATEST - now)) if delay > timedelta(0) else bounded(now)


def retry_delay(tries: int, base_retry_minutes: int) -> timedelta:
    """How long a job waits for its next try after it failed `tries` times; a year at most."""
    return min(base_retry_minutes * tries**2, LONGEST_RETRY_DELAY // _MINUTE) * _MINUTE


def _require_aware(instant: datetime) -> None:
    if instant.utcoffset() is None:
        raise ValueError(f"{instant} has no time zone")
