"""Asks GitHub, after a review, whether a pull request has enough approvals. One call, whatever its size."""

from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows.catalog import remind_reviewer_job
from bot.flows.obstacles import About, Call, ask_again_at, noting_obstacles
from bot.flows.visibility import find_address
from bot.github.model import RefusedError, ReviewDecision
from bot.model import InstallationId, Parsed, PullRequestId
from bot.reviews import store
from jobq import ClaimedJob, Discard, Postpone, Queue, write_transaction

log = structlog.get_logger()


class GitHub(Protocol):
    """The call to GitHub that this job makes."""

    async def load_verdict(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ReviewDecision | None: ...


class Arguments(Parsed):
    pull_request_id: PullRequestId


async def ask_for_verdict(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """Stores GitHub's verdict. Only GitHub knows whether branch protection is satisfied."""
    pull_request_id = job.read(Arguments).pull_request_id
    address = await find_address(pull_request_id)
    if address is None:
        return Discard("no access to this pull request any more")
    again_at = ask_again_at(job, clock.now())
    try:
        async with noting_obstacles(About(pull_request_id), Call.VERDICT, clock, again_at=again_at):
            verdict = await github.load_verdict(address.installation_id, address.repository, address.number)
    except RefusedError as error:
        if again_at is not None:
            raise Postpone(again_at, f"GitHub does not show it: {error}") from error
        return Discard(f"GitHub does not show it: {error}")
    is_new = await _store(pull_request_id, verdict, queue)
    log.info("verdict asked for", pull_request_id=pull_request_id, verdict=verdict, is_new=is_new)
    return None


@write_transaction
async def _store(pull_request_id: PullRequestId, verdict: ReviewDecision | None, queue: Queue) -> bool:
    """Returns whether it is another one than before."""
    stored = await store.lock_pull_request(pull_request_id)
    if stored is None or stored.review_decision is verdict:
        return False
    await store.save_pull_request(stored.model_copy(update={"review_decision": verdict}))
    requests = await store.list_open_requests(pull_request_id)
    await queue.save_all(remind_reviewer_job(request.id) for request in requests)
    return True
