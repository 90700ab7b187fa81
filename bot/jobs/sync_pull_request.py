"""Asks GitHub how a pull request stands. The answer wins over all facts that are not newer."""

from datetime import timedelta
from typing import Protocol

import structlog
from pydantic import BaseModel

from bot.flows.catalog import remind_reviewer_job
from bot.flows.change import record_change
from bot.flows.follow_names import follow_logins
from bot.flows.visibility import Address, find_address, release_hold
from bot.github.model import (
    AccessLostError,
    ChangedPaths,
    NotFoundError,
    PathsRefusedError,
    PullRequestSnapshot,
    Review,
    ReviewDecision,
)
from bot.model import InstallationId, PullRequestId, Value
from bot.reviews import rules, store
from jobq import ClaimedJob, Discard, Postpone, Queue, write_transaction

log = structlog.get_logger()

TRIED_FOR = timedelta(hours=6)
"""GitHub may hide a pull request for a while: a rename, a lag between its servers. Facts that contradict each
other stay undecided until it answers, so no refusal is final before this time."""
SHORTEST_WAIT = timedelta(minutes=1)


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    async def load_pull_request(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> PullRequestSnapshot: ...

    async def list_reviews(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[Review, ...]: ...

    async def load_changed_paths(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ChangedPaths: ...


class Arguments(BaseModel):
    pull_request_id: PullRequestId


class _Answer(Value):
    snapshot: PullRequestSnapshot
    reviews: tuple[Review, ...]
    decision: ReviewDecision | None


async def sync_pull_request(job: ClaimedJob, *, github: GitHub, queue: Queue) -> Discard | None:
    """Stores one pull request, its requests and its reviews as GitHub answers."""
    pull_request_id = job.read(Arguments).pull_request_id
    address = await find_address(pull_request_id)
    if address is None:
        return Discard("no access to this pull request any more")
    try:
        answer = await _ask(github, address)
    except (NotFoundError, AccessLostError) as error:
        if (waited := queue.now() - job.created_at) < TRIED_FOR:
            raise Postpone(queue.now() + max(waited, SHORTEST_WAIT)) from error
        return Discard(f"GitHub does not show it: {error}")
    note = await _store(pull_request_id, answer, queue)
    log.info("pull request synced", pull_request_id=pull_request_id, change=note)
    return None


@write_transaction
async def _store(pull_request_id: PullRequestId, answer: _Answer, queue: Queue) -> str:
    """Stores the answer unless a newer fact has been applied since. Returns what changed, in a few words."""
    snapshot = answer.snapshot
    stored = await store.lock_pull_request(pull_request_id)
    if stored is None:
        return "it is gone"
    await store.record_sync(stored.id, queue.now())
    if snapshot.updated_at < stored.updated_at:
        requests = await store.list_open_requests(stored.id)
        await queue.save_all(remind_reviewer_job(request.id) for request in requests)
        return "a newer fact was applied since"
    after = rules.apply_answer(stored, stored.workspace_id, snapshot)
    after = after.model_copy(update={"review_decision": answer.decision})
    await store.save_pull_request(after)
    await store.save_reviews(after, answer.reviews)
    requests, replies = await store.list_open_requests_with_replies(after)
    owners = await follow_logins(after.workspace_id, snapshot.accounts, requests, snapshot.updated_at)
    change = rules.change_by_snapshot(
        after, None, snapshot.requested, requests, replies, is_partial=snapshot.is_partial
    )
    recorded = await record_change(after, change, requests, owners, snapshot.updated_at)
    await queue.save_all(recorded.jobs)
    return recorded.note


async def _ask(github: GitHub, address: Address) -> _Answer:
    where = (address.installation_id, address.repository, address.number)
    # Reviews first: the snapshot, which says how new the answer is, must not be older than its reviews.
    reviews = await github.list_reviews(*where)
    try:
        decision = (await github.load_changed_paths(*where)).review_decision
    except PathsRefusedError:
        decision = None
    return _Answer(snapshot=await github.load_pull_request(*where), reviews=reviews, decision=decision)


async def sync_and_release(job: ClaimedJob, *, github: GitHub, queue: Queue) -> Discard | None:
    """As `sync_pull_request`; a pull request that was on hold is then decided about again."""
    result = await sync_pull_request(job, github=github, queue=queue)
    await _release(job.read(Arguments).pull_request_id, queue)
    return result


@write_transaction
async def _release(pull_request_id: PullRequestId, queue: Queue) -> None:
    if await release_hold(pull_request_id):
        requests = await store.list_open_requests(pull_request_id)
        await queue.save_all(remind_reviewer_job(request.id) for request in requests)
