"""What becomes of a job after a try. Pure, and the same for the worker and for `drain`."""

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from jobq.errors import is_transient
from jobq.job import ClaimedJob, Discard, HandlerResult, Postpone, retry_delay

GIVE_BACK_AFTER = timedelta(seconds=1)
POSTPONE_AT_LEAST = timedelta(seconds=1)
LEASE_EXPIRED = "lease expired: its worker died, hung, or lost the database"
LONGEST_ERROR = 2_000


class Outcome(StrEnum):
    """How a try ended."""

    DONE = "done"
    DISCARDED = "discarded"
    POSTPONED = "postponed"
    RETRIED = "retried"
    GIVEN_BACK = "given back"
    DEAD = "dead"


@dataclass(slots=True)  # not frozen: one is made for every job, and frozen ones take five times as long
class Settlement:
    """What to write to the row of a job that was claimed."""

    job: ClaimedJob
    outcome: Outcome
    ripe_at: datetime | None = None
    tries: int = 0
    error: str | None = None
    """Kept with the job; None keeps the one before."""
    reason: str | None = None
    """Why it was discarded."""


def settle_result(job: ClaimedJob, result: HandlerResult, now: datetime) -> Settlement:
    """The handler returned `result`."""
    if isinstance(result, Postpone):
        return Settlement(job, Outcome.POSTPONED, _not_before(result.until, now))
    if isinstance(result, Discard):
        return Settlement(job, Outcome.DISCARDED, reason=result.reason)
    return Settlement(job, Outcome.DONE)


def settle_error(job: ClaimedJob, error: BaseException, now: datetime) -> Settlement:
    """The handler raised `error`."""
    if isinstance(error, Postpone):
        return Settlement(job, Outcome.POSTPONED, _not_before(error.until, now), tries=job.tries - 1)
    if isinstance(error, Discard):
        return Settlement(job, Outcome.DISCARDED, reason=error.reason)
    if is_transient(error):
        later = now + GIVE_BACK_AFTER
        return Settlement(job, Outcome.GIVEN_BACK, later, job.tries - 1, describe_error(error))
    if job.tries > job.max_retries:
        return Settlement(job, Outcome.DEAD, tries=job.tries, error=describe_error(error))
    later = now + retry_delay(job.tries, job.base_retry_minutes)
    return Settlement(job, Outcome.RETRIED, later, job.tries, describe_error(error))


def settle_unstarted(job: ClaimedJob) -> Settlement:
    """It was claimed but not begun: it waits on as if nothing had happened."""
    return Settlement(job, Outcome.GIVEN_BACK, job.due_at, job.tries - 1)


def settle_hopeless(job: ClaimedJob) -> Settlement | None:
    """A job that took its worker with it more often than it may fail is dead without another try."""
    if job.tries > job.max_retries + 1:
        return Settlement(job, Outcome.DEAD, tries=job.tries - 1)
    return None


def is_suspect(job: ClaimedJob) -> bool:
    """Whether its worker went away while it held the job, and not for the first time."""
    return job.tries > 2 and job.last_error == LEASE_EXPIRED


def settle_suspect(job: ClaimedJob, now: datetime) -> Settlement:
    """It must not run now, beside another suspect. Not a try."""
    return Settlement(job, Outcome.GIVEN_BACK, now + GIVE_BACK_AFTER, job.tries - 1)


def describe_error(error: BaseException) -> str:
    """Type, text and the innermost place of `error`, as Postgres can store it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR] + place
    # Postgres text knows neither NUL nor lone surrogates.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _not_before(until: datetime, now: datetime) -> datetime:
    return max(until, now + POSTPONE_AT_LEAST)
