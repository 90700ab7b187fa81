"""Asks GitHub how a pull request stands. Its answer wins over everything as old as itself."""

from typing import Protocol

import structlog
from pydantic import BaseModel

from bot.flows.catalog import remind_reviewer_job
from bot.flows.change import record_change
from bot.flows.visibility import Address, find_address, release
from bot.github.model import (
    AccessLost,
    ChangedPaths,
    NotFound,
    PathsRefused,
    PullRequestSnapshot,
    Review,
    ReviewDecision,
)
from bot.model import InstallationId, PullRequestId, Value
from bot.reviews import rules, store
from bot.reviews.store import list_open_requests
from jobq import ClaimedJob, Discard, Queue, current_database

log = structlog.get_logger()


class GitHub(Protocol):
    """What this job asks of GitHub."""

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
    """Brings one pull request, its requests and reviews to where GitHub says they are."""
    pull_request_id = job.read(Arguments).pull_request_id
    address = await find_address(pull_request_id)
    if address is None:
        return Discard("no access to this pull request any more")
    try:
        answer = await _ask(github, address)
    except (NotFound, AccessLost) as error:
        return Discard(f"GitHub does not show it: {error}")
    snapshot = answer.snapshot
    async with current_database().transaction():
        known = await store.lock_pull_request(pull_request_id)
        if known is None or snapshot.updated_at < known.updated_at:
            return None
        told = known.told if snapshot.updated_at == known.updated_at else frozenset[str]()
        after = rules.apply_snapshot(known, known.workspace_id, snapshot, told | {rules.SYNCED})
        after = after.model_copy(update={"review_decision": answer.decision})
        await store.save_pull_request(after)
        await store.save_reviews(after, answer.reviews)
        opened = await store.list_open_requests(after.id)
        change = rules.change_by_snapshot(
            after, None, snapshot.requested, opened, await store.list_replied(after)
        )
        note = await record_change(after, change, snapshot.updated_at, queue)
    log.info("pull request synced", pull_request_id=pull_request_id, change=note)
    return None


async def _ask(github: GitHub, address: Address) -> _Answer:
    where = (address.installation_id, address.repository, address.number)
    # Reviews first: one submitted in between then shows in the newer snapshot, never the other way round.
    reviews = await github.list_reviews(*where)
    try:
        decision = (await github.load_changed_paths(*where)).review_decision
    except PathsRefused:
        decision = None
    return _Answer(snapshot=await github.load_pull_request(*where), reviews=reviews, decision=decision)


async def sync_and_release(job: ClaimedJob, *, github: GitHub, queue: Queue) -> Discard | None:
    """`sync_pull_request`, after which what was held is decided again."""
    pull_request_id = job.read(Arguments).pull_request_id
    outcome = await sync_pull_request(job, github=github, queue=queue)
    async with current_database().transaction():
        if await release(pull_request_id):
            requests = await list_open_requests(pull_request_id)
            await queue.save_all(remind_reviewer_job(request.id) for request in requests)
    return outcome
