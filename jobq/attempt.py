"""One try of one job: find its handler, run it, say what becomes of it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from jobq.errors import UnknownJobTypeError
from jobq.job import ClaimedJob, Handler
from jobq.settlement import Settlement, settle_error, settle_result


async def attempt(
    job: ClaimedJob, handlers: Mapping[str, Handler], now: Callable[[], datetime]
) -> tuple[Settlement, Exception | None]:
    """Run the handler of `job`. Its errors are returned beside the settlement, not raised."""
    try:
        handler = handlers.get(job.job_type)
        if handler is None:
            raise UnknownJobTypeError(
                f"no handler for {job.job_type!r}, only for {', '.join(sorted(handlers))}"
            )
        return settle_result(job, await handler(job), now()), None
    except Exception as error:  # one of the three broad doors: whatever a handler does, its job is settled
        return settle_error(job, error, now()), error
