"""The only job that writes the DMs about a review request: it sends, edits, strikes and adopts them.

Every change saves this job for now. It then loads the state of that moment, in one transaction that holds the
request's locks, and takes one step at a time until there is nothing left to do.
"""

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.reminding import bring_to_rest
from bot.model import Parsed, RequestId
from jobq import ClaimedJob, HandlerResult, Queue


class Arguments(Parsed):
    request_id: RequestId


async def remind_reviewer(
    job: ClaimedJob, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> HandlerResult:
    """Brings the DMs of one review request up to date; postponed until the next one is due.

    Without `slack`, in shadow mode, it decides and records but sends nothing.
    """
    return await bring_to_rest(job.read(Arguments).request_id, slack=slack, queue=queue, clock=clock)
