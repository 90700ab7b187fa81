"""Holds back what an author would be told of a pull request that GitHub does not show us, and releases it.

What a reviewer is sent is held back in bot/flows/reminder_state.py, which says why.
"""

from datetime import timedelta

from pydantic import BaseModel

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.catalog import remind_reviewer_job
from bot.github.store import Sight, find_sight, release
from bot.jobs.sync_pull_request import GitHub, sync_pull_request
from bot.jobs.tell_author import tell_author
from bot.model import PullRequestId
from bot.reviews.store import list_open_requests
from jobq import ClaimedJob, Discard, HandlerResult, Postpone, Queue, current_database

LOOK_AGAIN_AFTER = timedelta(hours=6)


class _AboutPullRequest(BaseModel):
    pull_request_id: PullRequestId


async def tell_author_in_sight(job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock) -> HandlerResult:
    """`tell_author`, later for a pull request that is held and never for one that is gone."""
    match await find_sight(job.read(_AboutPullRequest).pull_request_id):
        case Sight.GONE:
            return Discard("GitHub does not show this pull request any more")
        case Sight.HELD:
            return Postpone(clock.now() + LOOK_AGAIN_AFTER)
        case Sight.SEEN:
            return await tell_author(job, slack=slack, clock=clock)


async def sync_and_release(job: ClaimedJob, *, github: GitHub, queue: Queue) -> Discard | None:
    """`sync_pull_request`, after which what was held is decided again."""
    pull_request_id = job.read(_AboutPullRequest).pull_request_id
    outcome = await sync_pull_request(job, github=github, queue=queue)
    async with current_database().transaction():
        if await release(pull_request_id):
            requests = await list_open_requests(pull_request_id)
            await queue.save_all(remind_reviewer_job(request.id) for request in requests)
    return outcome
