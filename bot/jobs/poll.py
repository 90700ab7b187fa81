"""Asks GitHub every minute what has changed, where its webhooks cannot reach us.

What is seen goes the ways of webhooks: installations, repositories and new pull requests become deliveries,
and a known pull request that changed is synced. A look at what did not change saves no job about it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows.catalog import (
    assign_reviewers_job,
    poll_installation_job,
    poll_repository_job,
    sync_pull_request_job,
)
from bot.flows.change import ASSIGN_AFTER_MINUTES
from bot.flows.take_delivery import take_delivery
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.model import (
    AccessLost,
    Account,
    Fact,
    InstallationAction,
    InstallationFact,
    NotFound,
    PullRequestAction,
    PullRequestFact,
    PullRequestPage,
    PullRequestSnapshot,
    PullRequestState,
    RepositoriesFact,
    Repository,
    RepositoryAction,
    RepositoryFact,
    RepositoryPage,
)
from bot.github.polling import (
    REPOSITORIES_A_POLL,
    KnownInstallation,
    SeenInstallation,
    find_known_installation,
    is_gone,
    list_known_installations,
    list_known_repositories,
    list_longest_unpolled,
    list_seen_installations,
    record_polled,
)
from bot.github.store import find_visible_repository
from bot.model import AccountId, InstallationId, RepositoryId
from bot.reviews import store
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Queue, write_transaction

log = structlog.get_logger()

SAME_SECOND = timedelta(seconds=90)
"""A change so young may have been followed by another one with the same time: it is looked at twice."""
EVENT = "poll"
NOBODY = Account(id=AccountId(0), login="an account that is gone")


class GitHub(Protocol):
    """What polling asks of GitHub."""

    async def load_as_app(self, path: str) -> Any: ...

    async def list_repositories(self, installation_id: InstallationId, page: int) -> RepositoryPage: ...

    async def list_touched_pull_requests(
        self, installation_id: InstallationId, repository: str, page: int
    ) -> PullRequestPage: ...


class OfInstallation(BaseModel):
    installation_id: InstallationId


class OfRepository(BaseModel):
    installation_id: InstallationId
    repository_id: RepositoryId


async def poll(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> None:
    """Where the App is installed now. Each installation is then looked at by a job of its own."""
    asked_at = clock.now()
    seen = await list_seen_installations(github)
    known = {one.id: one for one in await list_known_installations()}
    for one in seen:
        for action in _news_of(one, known.pop(one.id, None)):
            await _tell(_installation_fact(one, one.account, action), asked_at, queue)
    for missing in known.values():
        if await is_gone(github, missing.id):
            fact = _installation_fact(missing, missing.account or NOBODY, InstallationAction.DELETED)
            await _tell(fact, asked_at, queue)
    await queue.save_all(poll_installation_job(one.id) for one in seen if not one.is_suspended)


def _news_of(seen: SeenInstallation, known: KnownInstallation | None) -> Iterable[InstallationAction]:
    if known is None or known.account is None:
        yield InstallationAction.CREATED
    elif seen.permissions != known.permissions:
        yield InstallationAction.NEW_PERMISSIONS_ACCEPTED
    if seen.is_suspended != (known is not None and known.is_suspended):
        yield InstallationAction.SUSPEND if seen.is_suspended else InstallationAction.UNSUSPEND


def _installation_fact(
    one: SeenInstallation | KnownInstallation, account: Account, action: InstallationAction
) -> InstallationFact:
    return InstallationFact(
        action=action, installation_id=one.id, account=account, permissions=one.permissions
    )


async def poll_installation(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """Which repositories it sees now. Those that waited longest are then looked at, a job each."""
    identity, asked_at = job.read(OfInstallation).installation_id, clock.now()
    try:
        seen = await _list_repositories(github, identity)
    except (NotFound, AccessLost) as error:
        return Discard(f"GitHub does not show it: {error}")
    installation = await find_known_installation(identity)
    if installation is None or installation.account is None:
        return Discard("not installed any more, or not in a workspace yet")
    for fact in _repository_facts(
        installation, installation.account, seen, await list_known_repositories(identity)
    ):
        await _tell(fact, asked_at, queue)
    due = await list_longest_unpolled(identity, REPOSITORIES_A_POLL)
    await queue.save_all(poll_repository_job(identity, repository_id) for repository_id in due)
    return None


async def _list_repositories(github: GitHub, installation_id: InstallationId) -> list[Repository]:
    seen: list[Repository] = []
    number = 1
    while True:
        page = await github.list_repositories(installation_id, number)
        seen += page.repositories
        if page.is_last:
            return seen
        number += 1


def _repository_facts(
    installation: KnownInstallation,
    account: Account,
    seen: Sequence[Repository],
    known: Sequence[Repository],
) -> list[Fact]:
    names = {one.id: one.full_name for one in known}
    added = tuple(one for one in seen if one.id not in names)
    removed = tuple(one for one in known if one.id not in {other.id for other in seen})
    facts: list[Fact] = [
        RepositoryFact(action=RepositoryAction.RENAMED, installation_id=installation.id, repository=one)
        for one in seen
        if names.get(one.id, one.full_name) != one.full_name
    ]
    if added or removed:
        facts.append(
            RepositoriesFact(installation_id=installation.id, account=account, added=added, removed=removed)
        )
    return facts


async def poll_repository(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """What happened to its pull requests since the last look. One request where nothing did."""
    where = job.read(OfRepository)
    repository = await find_visible_repository(where.installation_id, where.repository_id)
    if repository is None:
        return Discard("no access to this repository any more")
    asked_at, number, newest = clock.now(), 1, repository.polled_to
    since = _look_back_to(repository.polled_to, asked_at)
    while True:
        try:
            page = await github.list_touched_pull_requests(
                where.installation_id, repository.full_name, number
            )
        except (NotFound, AccessLost) as error:
            return Discard(f"GitHub does not show it: {error}")
        touched = [one for one in page.pull_requests if since is None or one.updated_at >= since]
        for snapshot in touched:
            if snapshot.repository.id == where.repository_id:
                await _follow(snapshot, where.installation_id, asked_at, queue)
        newest = max([*(one.updated_at for one in touched), *([newest] if newest else [])], default=None)
        # What was open before the first look is read when the repository comes, by backfill_repository.
        if page.is_last or since is None or len(touched) < len(page.pull_requests):
            await record_polled(where.repository_id, newest, asked_at)
            return None
        number += 1


def _look_back_to(polled_to: datetime | None, now: datetime) -> datetime | None:
    """Inclusive. A second that is over for long has brought all that it will bring."""
    if polled_to is None or polled_to >= now - SAME_SECOND:
        return polled_to
    return polled_to + timedelta(seconds=1)


@write_transaction
async def _follow(
    snapshot: PullRequestSnapshot, installation_id: InstallationId, asked_at: datetime, queue: Queue
) -> None:
    known = await store.lock_pull_request(snapshot.id)
    if known is None:
        if snapshot.state is PullRequestState.OPEN:
            await _tell(_opened(snapshot, installation_id), asked_at, queue)
        return
    if snapshot.updated_at < known.updated_at:
        return
    if snapshot.updated_at > known.updated_at:
        await store.end_snooze_until_change(known.id)
        if _may_need_reviewers(snapshot, known):
            await queue.save(assign_reviewers_job(known.id).runs_in(minutes=ASSIGN_AFTER_MINUTES))
    await queue.save(sync_pull_request_job(known.id))


def _may_need_reviewers(now: PullRequestSnapshot, before: PullRequest) -> bool:
    if now.state is not PullRequestState.OPEN or now.is_draft:
        return False
    return before.is_draft or not before.is_open or now.head_sha != before.head_sha


def _opened(snapshot: PullRequestSnapshot, installation_id: InstallationId) -> PullRequestFact:
    return PullRequestFact(
        action=PullRequestAction.OPENED,
        installation_id=installation_id,
        sender=snapshot.author,
        pull_request=snapshot,
    )


def _subject(fact: Fact) -> int:
    match fact:
        case PullRequestFact():
            return fact.pull_request.id
        case RepositoryFact():
            return fact.repository.id
        case _:
            return getattr(fact, "installation_id", 0)


async def _tell(fact: Fact, asked_at: datetime, queue: Queue) -> None:
    if await find_workspace_of_installation(getattr(fact, "installation_id", None)) is None:
        return  # it joined no workspace yet, and would be told of once a minute
    about, action = _subject(fact), getattr(fact, "action", "")
    delivery = Delivery(
        guid=f"{EVENT}:{fact.kind}:{action}:{about}:{asked_at:%Y%m%dT%H%M%S.%f}",
        workspace_id=None,
        event=EVENT,
        action=action,
        received_at=asked_at,
        fact=fact,
        outcome=DeliveryOutcome.QUEUED,
    )
    outcome = await take_delivery(delivery, queue)
    log.info("seen by polling", kind=fact.kind, guid=delivery.guid, outcome=outcome)
