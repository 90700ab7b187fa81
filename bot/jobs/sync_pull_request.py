"""Asks GitHub how a pull request stands. The answer wins over all facts that are not newer."""

from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.flows.catalog import assign_reviewers_job, remind_reviewer_job
from bot.flows.change import DecidedChange, record_changes
from bot.flows.follow_names import Sighting, follow_logins
from bot.flows.obstacles import LONG, About, Call, ask_again_at, find_start, list_obstacles, noting_obstacles
from bot.flows.visibility import Address, find_address, hold_pull_requests, release_hold
from bot.github.model import (
    PullRequestSnapshot,
    RefusedError,
    Review,
    ReviewDecision,
)
from bot.github.waiting import GitHubWaitError
from bot.model import InstallationId, Parsed, PullRequestId, Value
from bot.reviews import rules, store
from bot.reviews.changes import save_reviews, update_pull_requests
from jobq import ClaimedJob, Discard, Postpone, Queue, write_transaction

log = structlog.get_logger()

LAG = timedelta(hours=1)
"""GitHub's answer may be older than a fact that has just come. If it still is after this time, the fact had a
wrong date, and the answer wins."""


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    async def load_pull_request(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> PullRequestSnapshot: ...

    async def list_reviews(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> tuple[Review, ...]: ...

    async def load_verdict(
        self, installation_id: InstallationId, repository: str, number: int
    ) -> ReviewDecision | None: ...


class Arguments(Parsed):
    pull_request_id: PullRequestId


class _Answer(Value):
    """GitHub's answer. Without `knows_verdict` it does not say whether there are enough approvals."""

    snapshot: PullRequestSnapshot
    reviews: tuple[Review, ...]
    verdict: ReviewDecision | None = None
    knows_verdict: bool = True


async def sync_pull_request(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """Stores one pull request, its requests and its reviews as GitHub answers."""
    pull_request_id = job.read(Arguments).pull_request_id
    address = await find_address(pull_request_id)
    if address is None:
        return Discard("no access to this pull request any more")
    about, again_at = About(pull_request_id), ask_again_at(job, clock.now())
    try:
        async with noting_obstacles(about, Call.STATE, clock, again_at=again_at):
            answer = await _ask(github, address, about, clock)
    except RefusedError as error:
        if again_at is not None:
            raise Postpone(again_at, f"GitHub does not show it: {error}") from error
        await hold_pull_requests([pull_request_id])
        return Discard(f"GitHub does not show it: {error}")
    note = await _store(pull_request_id, address.installation_id, answer, queue)
    log.info("pull request synced", pull_request_id=pull_request_id, change=note)
    return None


@write_transaction
async def _store(
    pull_request_id: PullRequestId, installation_id: InstallationId, answer: _Answer, queue: Queue
) -> str:
    """Stores the answer unless a newer fact has been applied since. Returns what changed, in a few words."""
    snapshot = answer.snapshot
    stored = await store.lock_pull_request(pull_request_id)
    if stored is None:
        return "it is gone"
    await store.record_sync(stored.id, queue.now())
    is_older = snapshot.updated_at < stored.updated_at
    if is_older and abs(queue.now() - stored.updated_at) < LAG:
        requests = await store.list_open_requests(stored.id)
        await queue.save_all(remind_reviewer_job(request.id, request.workspace_id) for request in requests)
        return "a newer fact was applied since"
    after = rules.apply_answer(stored, stored.workspace_id, snapshot)
    if answer.knows_verdict:
        after = after.model_copy(update={"review_decision": answer.verdict})
    await update_pull_requests([after])
    await save_reviews((after, review) for review in answer.reviews)
    requests, replies = (await store.list_open_requests_with_replies([after])).get(after.id, store.Asked())
    sighting = Sighting(after.workspace_id, snapshot.accounts, requests, snapshot.updated_at)
    [owners] = await follow_logins([sighting])
    change = rules.change_by_snapshot(
        after, None, snapshot.requested, requests, replies, is_partial=snapshot.is_partial
    )
    [recorded] = await record_changes([DecidedChange(after, change, requests, owners, snapshot.updated_at)])
    await queue.save_all(recorded.jobs)
    obstacles = await list_obstacles(queue.now(), pull_request_id=stored.id)
    if any(obstacle.call is Call.FILES and obstacle.is_final for obstacle in obstacles):
        # An owner may have granted the permission by now.
        await queue.save(assign_reviewers_job(stored.id, installation_id))
    return recorded.note


async def _ask(github: GitHub, address: Address, about: About, clock: Clock) -> _Answer:
    where = (address.installation_id, address.repository, address.number)
    # Reviews first: the snapshot, which says how new the answer is, must not be older than its reviews.
    reviews = await github.list_reviews(*where)
    try:
        async with noting_obstacles(about, Call.VERDICT, clock):
            verdict = await github.load_verdict(*where)
    except GitHubWaitError as error:
        if error.is_limit or not await _is_long(about, clock.now()):
            raise
        # The rest of the answer need not wait for the verdict for ever.
        snapshot = await github.load_pull_request(*where)
        return _Answer(snapshot=snapshot, reviews=reviews, knows_verdict=False)
    return _Answer(snapshot=await github.load_pull_request(*where), reviews=reviews, verdict=verdict)


async def _is_long(about: About, now: datetime) -> bool:
    since = await find_start(about, Call.VERDICT)
    return since is not None and now - since >= LONG


async def sync_and_release(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """As `sync_pull_request`; a pull request that was on hold is then decided about again.

    It stays on hold if Ripe may ask, but GitHub does not show it.
    """
    pull_request_id = job.read(Arguments).pull_request_id
    result = await sync_pull_request(job, github=github, queue=queue, clock=clock)
    if result is None or await find_address(pull_request_id) is None:
        await _release(pull_request_id, queue)
    return result


@write_transaction
async def _release(pull_request_id: PullRequestId, queue: Queue) -> None:
    if await release_hold(pull_request_id):
        requests = await store.list_open_requests(pull_request_id)
        await queue.save_all(remind_reviewer_job(request.id, request.workspace_id) for request in requests)
