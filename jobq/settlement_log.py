"""Logs how tries ended: a line for each write, and one for each job that failed or gave a reason."""

import logging
from collections import Counter
from collections.abc import Sequence

from jobq.explanation import explain
from jobq.settlement import Outcome, Settlement

log = logging.getLogger(__name__)

MOST_NAMED = 10
"""A line names its jobs if they are no more. So many may give their reasons in lines of their own."""
_FAILURES = {Outcome.RETRIED: logging.WARNING, Outcome.DEAD: logging.ERROR}
_DONE = Outcome.DONE


class SettlementLog:
    """Jobs share a line, because it costs more than the queue takes for a job. At DEBUG each has its own."""

    def __init__(self) -> None:
        self._settlements: list[Settlement] = []
        self._explained = 0
        self._is_verbose = log.isEnabledFor(logging.DEBUG)

    def note(self, settlement: Settlement, seconds: float) -> None:
        """A try ended, which took `seconds`."""
        self._settlements.append(settlement)
        if self._is_verbose or settlement.outcome is not _DONE:
            _log_try(self._level_of(settlement), settlement, seconds)

    def flush(self) -> None:
        """Log all that was noted since the last time in one line."""
        settlements, self._settlements = self._settlements, []
        self._explained = 0
        self._is_verbose = log.isEnabledFor(logging.DEBUG)
        if settlements and log.isEnabledFor(logging.INFO):
            log.info("jobs settled: %s", summarize(settlements))

    def _level_of(self, settlement: Settlement) -> int:
        if settlement.outcome in _FAILURES:
            return _FAILURES[settlement.outcome]
        if settlement.reason is None or self._explained == MOST_NAMED:
            return logging.DEBUG
        self._explained += 1
        return logging.INFO


def summarize(settlements: Sequence[Settlement]) -> str:
    """How many jobs of each type ended in each way. If they are few, it names each."""
    if len(settlements) <= MOST_NAMED:
        return ", ".join(
            f"{settlement.job.job_type} job {settlement.job.id} {settlement.outcome}"
            for settlement in settlements
        )
    counts = Counter((settlement.job.job_type, str(settlement.outcome)) for settlement in settlements)
    return ", ".join(f"{count:,} {job_type} {outcome}" for (job_type, outcome), count in counts.items())


def _log_try(level: int, settlement: Settlement, seconds: float) -> None:
    job = settlement.job
    # Only the type of an error: its text may quote what people wrote. The row of the job has all of it.
    error = (settlement.error or "").partition(":")[0]
    log.log(
        level,
        "%s: %s job %d, try %d, %.0f ms%s",
        settlement.outcome,
        job.job_type,
        job.id,
        job.tries,
        seconds * 1000,
        f": {error}" if error else explain(settlement),
    )
