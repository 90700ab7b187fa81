"""Keeps the words of others out of the queue: a failed job stores the text of its error."""

from collections.abc import Sequence
from dataclasses import replace

from bot.errors import describe_error, may_quote
from jobq import (
    BatchHandler,
    BatchResult,
    ClaimedJob,
    Handler,
    HandlerResult,
    InBatches,
    WithDeadline,
    is_transient,
)


def hide_input(handler: Handler) -> Handler:
    """A handler whose errors name their type and place, and quote nothing that the job has read."""
    if isinstance(handler, WithDeadline):
        return WithDeadline(hide_input(handler.handler), handler.deadline)
    if isinstance(handler, InBatches):
        single = hide_input(handler.single) if handler.single else None
        return replace(handler, batch=_hide_in_batch(handler.batch), single=single)

    async def run(job: ClaimedJob) -> HandlerResult:
        try:
            return await handler(job)
        except Exception as error:
            raise _without_input(error) from None

    return run


def _hide_in_batch(batch: BatchHandler) -> BatchHandler:
    async def run(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        try:
            results = await batch(jobs)
        except Exception as error:
            raise _without_input(error) from None
        return [_without_input(result) if isinstance(result, Exception) else result for result in results]

    return run


def _without_input(error: Exception) -> Exception:
    """The same error if its text quotes nobody, or if the queue has to recognize it."""
    if is_transient(error) or not may_quote(error):
        return error
    return RuntimeError(describe_error(error)).with_traceback(error.__traceback__)
