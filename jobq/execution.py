"""Running one job once: find its handler, call it, and decide what happens to the job."""

from collections.abc import Callable, Mapping
from datetime import datetime

from jobq.errors import JobQueueError
from jobq.job import ClaimedJob, Handler
from jobq.settlement import Settlement, settle_error, settle_result


async def run_handler(
    job: ClaimedJob, handlers: Mapping[str, Handler], now: Callable[[], datetime]
) -> tuple[Settlement, Exception | None]:
    """Run the handler of `job`. An error is not raised but returned beside the settlement."""
    try:
        handler = handlers.get(job.job_type)
        if handler is None:
            raise JobQueueError(f"no handler for {job.job_type!r}, only for {', '.join(sorted(handlers))}")
        return settle_result(job, await handler(job), now()), None
    except Exception as error:  # a broad catch on purpose: every error of a handler settles its job
        return settle_error(job, error, now()), error
