"""Decides about a job after a try. Pure, and the same for the worker and for `drain`."""

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from jobq.errors import is_transient
from jobq.job import ClaimedJob, Discard, HandlerResult, Postpone, bounded, later, retry_delay

GIVE_BACK_DELAY = timedelta(seconds=1)
MIN_POSTPONEMENT = timedelta(seconds=1)
MOST_GIVE_BACKS = 5
"""In a row. Each one beyond counts as a failed try: the job itself may be what breaks its connection."""
MAX_ERROR_LENGTH = 2_000
_NOT_STORED = "its result cannot be stored: "
LEASE_EXPIRED = "lease expired: its worker died, hung, or lost the database"
"""The last error that a claim writes for a job whose lease had expired."""


class Outcome(StrEnum):
    """How a try ended."""

    DONE = "done"
    DISCARDED = "discarded"
    POSTPONED = "postponed"
    RETRIED = "retried"
    GIVEN_BACK = "given back"
    DEAD = "dead"


@dataclass(
    slots=True
)  # not frozen: one is made for every job, and creating a frozen one takes five times as long
class Settlement:
    """The change to the row of a claimed job."""

    job: ClaimedJob
    outcome: Outcome
    ripe_at: datetime | None = None
    """When it runs again, if it does."""
    tries: int = 0
    """How many tries count from now on."""
    error: str | None = None
    """Stored with the job; None keeps the stored one."""
    reason: str | None = None
    """Why it was discarded or postponed, if the handler said so."""
    give_backs: int = 0
    """How often in a row it was given back so far."""


def settle_result(job: ClaimedJob, result: HandlerResult, now: datetime) -> Settlement:
    """The settlement of a job whose handler returned `result`."""
    if isinstance(result, Postpone):
        return Settlement(
            job, Outcome.POSTPONED, _not_before(result.until, now), reason=result.reason or None
        )
    if isinstance(result, Discard):
        return Settlement(job, Outcome.DISCARDED, reason=result.reason)
    return Settlement(job, Outcome.DONE)


def settle_error(job: ClaimedJob, error: BaseException, now: datetime) -> Settlement:
    """The settlement of a job whose handler raised `error`."""
    if isinstance(error, Postpone):
        until = _not_before(error.until, now)
        return Settlement(job, Outcome.POSTPONED, until, tries=job.tries - 1, reason=error.reason or None)
    if isinstance(error, Discard):
        return Settlement(job, Outcome.DISCARDED, reason=error.reason)
    if not is_transient(error):
        return _settle_failure(job, describe_error(error), now)
    give_backs = job.give_backs + 1
    if give_backs > MOST_GIVE_BACKS:
        return _settle_failure(job, describe_error(error), now, give_backs)
    again_at = now + GIVE_BACK_DELAY
    return Settlement(
        job, Outcome.GIVEN_BACK, again_at, job.tries - 1, describe_error(error), give_backs=give_backs
    )


def settle_overdue(settlement: Settlement, error: TimeoutError, now: datetime) -> Settlement:
    """The settlement of a job that was cancelled at its deadline, and ended with `settlement`.

    Only work that ended well in spite of that counts; any other end is a failed try.
    """
    if settlement.outcome in (Outcome.DONE, Outcome.DISCARDED):
        return settlement
    return _settle_failure(settlement.job, describe_error(error), now)


def settle_refused(settlement: Settlement, error: BaseException, now: datetime) -> Settlement:
    """The settlement of a job in place of one that Postgres refuses: a failed try."""
    return _settle_failure(settlement.job, f"{_NOT_STORED}{describe_error(error)}", now)


def is_settled_as_refused(settlement: Settlement) -> bool:
    """Whether `settle_refused` made it."""
    return settlement.error is not None and settlement.error.startswith(_NOT_STORED)


def _settle_failure(job: ClaimedJob, error: str, now: datetime, give_backs: int = 0) -> Settlement:
    if job.tries > job.max_retries:
        return Settlement(job, Outcome.DEAD, tries=job.tries, error=error)
    again_at = later(now, retry_delay(job.tries, job.base_retry_minutes))
    return Settlement(job, Outcome.RETRIED, again_at, job.tries, error, give_backs=give_backs)


def give_back(job: ClaimedJob) -> Settlement:
    """The settlement of a job that this worker does not run to its end: it waits on as if never claimed."""
    return Settlement(job, Outcome.GIVEN_BACK, job.due_at, job.tries - 1, give_backs=job.give_backs)


def settle_exhausted(job: ClaimedJob) -> Settlement | None:
    """Dead, for a job whose workers went away in each of its tries. None if it may still be tried."""
    if job.tries > job.max_retries + 1:
        return Settlement(job, Outcome.DEAD, tries=job.tries - 1)
    return None


def is_suspected_poison(job: ClaimedJob) -> bool:
    """Whether its last worker went away while it ran, and not for the first time: it may kill its workers."""
    return job.tries > 2 and job.last_error == LEASE_EXPIRED


def settle_deferred(job: ClaimedJob, now: datetime) -> Settlement:
    """The settlement of a suspected poison job that has to wait until another one has run. Not a try."""
    again_at = now + GIVE_BACK_DELAY
    return Settlement(job, Outcome.GIVEN_BACK, again_at, job.tries - 1, give_backs=job.give_backs)


def describe_error(error: BaseException) -> str:
    """Type, text and innermost place of `error`, in characters that Postgres can store."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    text = f"{type(error).__name__}: {error}"[:MAX_ERROR_LENGTH] + place
    # Postgres text can hold neither NUL nor lone surrogates.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _not_before(until: datetime, now: datetime) -> datetime:
    return bounded(max(until, now + MIN_POSTPONEMENT))
