"""The one writer of a review request's DMs: it sends, edits, strikes and adopts them.

Whatever happens saves this job for now. It then looks at the state of that moment, in one transaction that
holds the request's locks, and takes one step at a time until there is nothing left to do.
"""

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.reminding import bring_to_rest
from bot.model import RequestId
from jobq import ClaimedJob, HandlerResult, Queue

log = structlog.get_logger()


class Arguments(BaseModel):
    request_id: RequestId


async def remind_reviewer(
    job: ClaimedJob, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """Brings one review request's DMs to where they should be; postponed to when the next one is due.

    Without `slack`, in shadow mode, it decides and records all the same.
    """
    return await bring_to_rest(job.read(Arguments).request_id, slack=slack, queue=queue, clock=clock)
