"""Keeps the words of others out of the queue: a failed job stores the text of its error."""

from bot.errors import HiddenInputError, describe_error, may_quote
from jobq import ClaimedJob, Handler, HandlerResult, WithDeadline, is_transient


def hide_input(handler: Handler) -> Handler:
    """A handler whose errors name their type and place, and quote nothing that the job has read."""
    if isinstance(handler, WithDeadline):
        return WithDeadline(hide_input(handler.handler), handler.deadline)

    async def run(job: ClaimedJob) -> HandlerResult:
        try:
            return await handler(job)
        except Exception as error:
            if is_transient(error) or not may_quote(error):
                raise
            raise HiddenInputError(describe_error(error)).with_traceback(error.__traceback__) from None

    return run
