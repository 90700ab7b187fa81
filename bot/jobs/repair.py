"""Looks again at every open review request, once a day.

Each open request has a job that waits for the next thing to do. If a job is missing (cancelled by hand, dead,
lost in a restore from a backup) or waits too long, the next night repairs that. An extra look does no harm.
"""

from datetime import timedelta

import structlog

from bot.flows.catalog import remind_reviewer_job
from bot.flows.refused_people import decide_refused_anew
from bot.reviews.store import list_open_request_ids
from jobq import ClaimedJob, Queue, write_transaction

log = structlog.get_logger()

EVERY = timedelta(days=1)
PAGE = 1_000
REFUSAL_LASTS = timedelta(hours=20)
"""Then Slack is asked once more, in the next repair: it may have changed its mind without an event."""


async def repair(job: ClaimedJob, *, queue: Queue, page: int = PAGE) -> None:
    """Saves the job of every open request, a page at a time. DMs that Slack refused are decided anew."""
    count, last = 0, None
    while ids := await list_open_request_ids(after=last, limit=page):
        await queue.save_all(remind_reviewer_job(request_id) for request_id in ids)
        count, last = count + len(ids), ids[-1]
    await _decide_refused_anew(queue)
    log.info("jobs of all open review requests saved", count=count)


@write_transaction
async def _decide_refused_anew(queue: Queue) -> None:
    await queue.save_all(await decide_refused_anew(queue.now() - REFUSAL_LASTS))
