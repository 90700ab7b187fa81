"""Running jobs once: find their handler, call it, and decide what happens to each job."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jobq.errors import JobQueueError, LeaseLostError, is_lost_connection
from jobq.job import BatchHandler, BatchResult, ClaimedJob, Discard, Handler, Postpone, RunAlone
from jobq.settlement import Outcome, Settlement, settle_error, settle_result

log = logging.getLogger(__name__)


async def run_handler(
    job: ClaimedJob, handlers: Mapping[str, Handler], now: Callable[[], datetime]
) -> tuple[Settlement, Exception | None]:
    """Run the handler of `job`. An error is not raised but returned beside the settlement."""
    try:
        handler = handlers.get(job.job_type)
        if handler is None:
            raise JobQueueError(f"no handler for {job.job_type!r}, only for {', '.join(sorted(handlers))}")
        result = await handler(job)
        if result is None:  # most jobs: no need to look at the clock
            return Settlement(job, Outcome.DONE), None
        settlement, error = settle_result(job, result, now()), None
    except Exception as raised:  # a broad catch on purpose: every error of a handler settles its job
        settlement, error = settle_error(job, raised, now()), raised
    return _done_if_finished(settlement), error


@dataclass(slots=True)
class BatchEnd:
    """The end of a batch: how each of its jobs goes on."""

    settlements: list[Settlement] = field(default_factory=list)
    alone: list[ClaimedJob] = field(default_factory=list)
    """These run one by one now."""
    lost: list[ClaimedJob] = field(default_factory=list)
    """Their leases were lost."""
    error: BaseException | None = None
    """Raised by the handler."""


async def run_batch(
    jobs: Sequence[ClaimedJob], handler: BatchHandler, now: Callable[[], datetime]
) -> BatchEnd:
    """Run several jobs with one call. An error is not raised but returned with the rest."""
    try:
        results = await handler(jobs)
        if len(results) != len(jobs):
            raise JobQueueError(f"the handler returned {len(results)} results for {len(jobs)} jobs")
    except Exception as error:  # a broad catch on purpose, as above
        return end_failed_batch(jobs, error, now())
    end = BatchEnd()
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, RunAlone) and not job.is_finished:
            end.alone.append(job)
        else:
            end.settlements.append(_settle(job, result, now()))
    return end


def end_failed_batch(jobs: Sequence[ClaimedJob], error: BaseException, now: datetime) -> BatchEnd:
    """The end of a batch whose handler raised `error`.

    After a lost connection nobody knows whether the batch was committed, so its jobs are given back: if it
    was, their rows are gone. A raised Postpone or Discard holds for each job.
    """
    end = BatchEnd(error=error)
    settles_each = isinstance(error, Postpone | Discard) or is_lost_connection(error)
    lost = error.ids if isinstance(error, LeaseLostError) else frozenset()
    for job in jobs:
        if job.is_finished or settles_each:
            end.settlements.append(_done_if_finished(settle_error(job, error, now)))
        elif job.id in lost:
            end.lost.append(job)
        else:
            job.is_finishing = False
            end.alone.append(job)
    return end


def _settle(job: ClaimedJob, result: BatchResult, now: datetime) -> Settlement:
    if result is None or isinstance(result, Postpone | Discard):
        settlement = settle_result(job, result, now)
    elif isinstance(result, Exception):
        settlement = settle_error(job, result, now)
    else:
        settlement = settle_error(job, TypeError(f"not a result of a job: {result!r}"), now)
    return _done_if_finished(settlement)


def _done_if_finished(settlement: Settlement) -> Settlement:
    """Done, for a job whose row is gone already, whatever its handler did after that."""
    job = settlement.job
    if not job.is_finished or settlement.outcome is Outcome.DONE:
        return settlement
    why = settlement.error or settlement.reason or settlement.outcome
    log.error("%s job %d was finished before its handler ended: %s", job.job_type, job.id, why)
    return Settlement(job, Outcome.DONE)
