"""Holds back what would be sent about a pull request that GitHub does not show us.

While an installation is suspended no webhook comes, so nobody knows whether a review is still wanted. Nothing
is sent then, nor afterwards until GitHub was asked. About what is gone for good nothing is sent at all.
"""

from datetime import timedelta

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.github.store import Sight, find_sight, release
from bot.jobs import outbox
from bot.jobs.catalog import remind_reviewer_job
from bot.jobs.remind_reviewer import remind_reviewer
from bot.jobs.sync_pull_request import GitHub, sync_pull_request
from bot.jobs.tell_author import tell_author
from bot.model import PullRequestId, RequestId
from bot.reviews.store import find_request, list_open_requests
from jobq import ClaimedJob, Discard, Postpone, Queue, current_database

log = structlog.get_logger()

LOOK_AGAIN_AFTER = timedelta(hours=6)


class _AboutRequest(BaseModel):
    request_id: RequestId


class _AboutPullRequest(BaseModel):
    pull_request_id: PullRequestId


async def remind_reviewer_in_sight(
    job: ClaimedJob, *, slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> Postpone | Discard | None:
    """`remind_reviewer`, but not for an open request out of sight. What is over is struck all the same."""
    request = await find_request(job.read(_AboutRequest).request_id)
    if request is not None and request.closed_at is None:
        match await find_sight(request.pull_request_id):
            case Sight.GONE:
                return Discard("GitHub does not show its pull request any more")
            case Sight.HELD:
                # Saved again once GitHub was asked how the pull request stands.
                log.info("reminder held", request_id=request.id)
                return None
            case Sight.SEEN:
                pass
    return await remind_reviewer(job, slack=slack, queue=queue, clock=clock)


async def tell_author_in_sight(
    job: ClaimedJob, *, slack: outbox.Slack | None, clock: Clock
) -> Postpone | Discard | None:
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
