"""Asks GitHub which pull requests of a repository have changed since it was last asked."""

from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock
from bot.flows.catalog import assign_reviewers_job, sync_pull_request_job
from bot.flows.change import ASSIGN_AFTER_MINUTES
from bot.flows.polled_facts import take_opened
from bot.github.model import (
    UNDATED,
    PullRequestPage,
    PullRequestSnapshot,
    PullRequestState,
    RefusedError,
)
from bot.github.polling import record_polled
from bot.github.store import find_visible_repository
from bot.model import InstallationId, Parsed, RepositoryId
from bot.reviews import store
from bot.reviews.changes import end_snoozes_until_change
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Queue, write_transaction

SAME_SECOND = timedelta(seconds=90)
"""A change this recent may share its second with one that is still to come, so it is looked at twice."""


class GitHub(Protocol):
    """The calls to GitHub that this job makes."""

    async def list_touched_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage: ...


class Arguments(Parsed):
    installation_id: InstallationId
    repository_id: RepositoryId


async def poll_repository(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """Follows each pull request that changed. If none did, this costs one request and saves no job.

    The first look reads one page only: `backfill_repository` reads what was open before.
    """
    arguments, asked_at = job.read(Arguments), clock.now()
    repository = await find_visible_repository(arguments.installation_id, arguments.repository_id)
    if repository is None:
        return Discard("no access to this repository any more")
    newest, since = repository.polled_to, _look_back_to(repository.polled_to, asked_at)
    number = 1
    while True:
        try:
            page = await github.list_touched_pull_requests(
                arguments.installation_id, repository.full_name, number
            )
        except RefusedError as error:
            return Discard(f"GitHub does not show it: {error}")
        touched = [seen for seen in page.pull_requests if since is None or seen.updated_at >= since]
        for snapshot in touched:
            # Another repository may have taken over the name since it was stored.
            if snapshot.repository.id == arguments.repository_id:
                await _follow(snapshot, arguments.installation_id, asked_at, queue)
            newest = max(newest or snapshot.updated_at, snapshot.updated_at)
        if page.is_last or since is None or _reaches_back(page, since):
            await record_polled(arguments.repository_id, newest, asked_at)
            return None
        number += 1


def _reaches_back(page: PullRequestPage, since: datetime) -> bool:
    """Whether the rest of the list is older."""
    return any(seen.updated_at < since and seen.updated_at != UNDATED for seen in page.pull_requests)


def _look_back_to(polled_to: datetime | None, now: datetime) -> datetime | None:
    """The first instant to look at. A second that is long over brings no more changes, so it is left out."""
    if polled_to is None or polled_to >= now - SAME_SECOND:
        return polled_to
    return polled_to + timedelta(seconds=1)


@write_transaction
async def _follow(
    snapshot: PullRequestSnapshot, installation_id: InstallationId, asked_at: datetime, queue: Queue
) -> None:
    stored = await store.lock_pull_request(snapshot.id)
    if stored is None:
        if snapshot.state is PullRequestState.OPEN:
            await take_opened(snapshot, installation_id, asked_at, queue)
        return
    if snapshot.updated_at < stored.updated_at:
        return
    if snapshot.updated_at > stored.updated_at:
        await end_snoozes_until_change([stored.id])
        if _may_need_reviewers(snapshot, stored):
            await queue.save(
                assign_reviewers_job(stored.id, installation_id).runs_in(minutes=ASSIGN_AFTER_MINUTES)
            )
    await queue.save(sync_pull_request_job(stored.id, installation_id))


def _may_need_reviewers(snapshot: PullRequestSnapshot, stored: PullRequest) -> bool:
    if snapshot.state is not PullRequestState.OPEN or snapshot.is_draft:
        return False
    return stored.is_draft or not stored.is_open or snapshot.head_sha != stored.head_sha
