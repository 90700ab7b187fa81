"""Applies what one delivery tells, with the jobs it concerns, in one transaction. Talks to nobody."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import assert_never

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows.account_forgetting import KEPT_FOR
from bot.flows.catalog import (
    assign_reviewers_job,
    backfill_repository_job,
    forget_installation_job,
    greet_installer_job,
    sync_pull_request_job,
)
from bot.flows.change import ASSIGN_AFTER_MINUTES, close_requests_of_repositories, lock_known, record_change
from bot.flows.follow_names import rules_following
from bot.flows.visibility import hold_pull_requests, list_held
from bot.github import store as installations
from bot.github.deliveries import Delivery, Outcome, find_delivery, record_outcome
from bot.github.model import (
    InstallationAction,
    InstallationFact,
    Ping,
    PullRequestAction,
    PullRequestFact,
    RepositoriesFact,
    Repository,
    RepositoryAction,
    RepositoryFact,
    ReviewFact,
    ReviewState,
)
from bot.model import AccountId, InstallationId, RepositoryId, RequestId
from bot.reviews import rules, store
from bot.reviews.model import PullRequest
from jobq import ClaimedJob, Discard, Queue, write_transaction

log = structlog.get_logger()


_MAY_NEED_REVIEWERS = frozenset(
    {
        PullRequestAction.OPENED,
        PullRequestAction.REOPENED,
        PullRequestAction.READY_FOR_REVIEW,
        PullRequestAction.SYNCHRONIZE,
        PullRequestAction.EDITED,
        PullRequestAction.UNLABELED,
    }
)
_NO_NEWS = frozenset({PullRequestAction.LABELED, PullRequestAction.UNLABELED})
"""Actions that do not end "snoozed until something changes"."""


class Arguments(BaseModel):
    guid: str


@write_transaction
async def apply_fact(job: ClaimedJob, *, queue: Queue, clock: Clock) -> Discard | None:
    """Applies the delivery with the GUID in the job's arguments, once."""
    delivery = await find_delivery(job.read(Arguments).guid)
    if delivery is None or delivery.fact is None:
        return Discard("the delivery is gone")
    outcome, note = await _apply(delivery, queue, clock)
    await record_outcome(delivery.guid, outcome, note)
    log.info("fact applied", guid=delivery.guid, kind=delivery.fact.kind, outcome=outcome.value)
    return None


async def _apply(delivery: Delivery, queue: Queue, clock: Clock) -> tuple[Outcome, str]:
    match delivery.fact:
        case PullRequestFact() | ReviewFact() as fact:
            if not await _meet(
                delivery,
                fact.installation_id,
                fact.pull_request.repository,
                fact.pull_request.updated_at,
                queue,
            ):
                return Outcome.LATE, "the App was removed from this repository"
            return await _apply_to_pull_request(delivery, fact, queue)
        case InstallationFact() as fact:
            return Outcome.APPLIED, await _apply_installation(delivery, fact, queue, clock)
        case RepositoriesFact() as fact:
            return Outcome.APPLIED, await _apply_repositories(delivery, fact, queue, clock)
        case RepositoryFact() as fact:
            return Outcome.APPLIED, await _apply_repository(delivery, fact, queue, clock)
        case Ping() | None:
            return Outcome.APPLIED, ""
        case _ as never:
            assert_never(never)


async def _apply_to_pull_request(
    delivery: Delivery, fact: rules.AnyFact, queue: Queue
) -> tuple[Outcome, str]:
    snapshot = fact.pull_request
    known = await lock_known(snapshot.id)
    if known is not None and snapshot.updated_at < known.updated_at:
        return Outcome.LATE, await _apply_late(known, fact)
    told = rules.told_by(fact)
    if known is not None and snapshot.updated_at == known.updated_at:
        if rules.is_contradiction(known.told, told):
            await _record_review(known, fact)
            await queue.save(sync_pull_request_job(known.id))
            return Outcome.TIED, "contradicts another fact of the same second: GitHub is asked"
        after = rules.apply_tied(known, fact)
        await store.save_pull_request(after)
        await _record_review(after, fact)
        change = rules.change_by_action(after, fact, await store.list_open_requests(after.id))
    else:
        after = rules.apply_snapshot(known, delivery.tenant, snapshot, told)
        await store.save_pull_request(after)
        await _record_review(after, fact)
        opened = await store.list_open_requests(after.id)
        reviews = await store.list_replied(after)
        change = rules.change_by_snapshot(after, fact, snapshot.requested, opened, reviews)
    return Outcome.APPLIED, await _follow_up(after, fact, change, queue)


async def _follow_up(after: PullRequest, fact: rules.AnyFact, change: rules.Change, queue: Queue) -> str:
    if isinstance(fact, ReviewFact) or fact.action not in _NO_NEWS:
        await store.end_snooze_until_change(after.id)
    note = await record_change(after, change, fact.pull_request.updated_at, queue)
    still_open = await store.list_open_requests(after.id)
    await _name_requester(fact, {request.reviewer_id: request.id for request in still_open})
    if isinstance(fact, ReviewFact):
        # Only GitHub knows whether branch protection is satisfied, which quiets the other requests.
        if still_open and fact.review.state is not ReviewState.COMMENTED:
            await queue.save(sync_pull_request_job(after.id))
    elif fact.action in _MAY_NEED_REVIEWERS and after.is_open and not after.is_draft:
        await queue.save(assign_reviewers_job(after.id).runs_in(minutes=ASSIGN_AFTER_MINUTES))
    return note


async def _name_requester(fact: rules.AnyFact, open_requests: dict[AccountId, RequestId]) -> None:
    if not isinstance(fact, PullRequestFact) or fact.action is not PullRequestAction.REVIEW_REQUESTED:
        return
    if fact.reviewer is not None and (request_id := open_requests.get(fact.reviewer.id)) is not None:
        await store.name_requester(request_id, fact.sender.login)


async def _apply_late(known: PullRequest, fact: rules.AnyFact) -> str:
    """A review stays a review however late we hear of it; everything else a newer fact has overtaken."""
    await _record_review(known, fact)
    if not isinstance(fact, ReviewFact) or not rules.counts(fact.review.author, known):
        return ""
    for request in await store.list_requests(known.id):
        if request.reviewer_id == fact.review.author.id:
            reason = rules.reason_of(request, fact.review.state, fact.review.submitted_at)
            await store.correct_close_reason(request.id, reason)
    return "review recorded"


async def _record_review(pull_request: PullRequest, fact: rules.AnyFact) -> None:
    if isinstance(fact, ReviewFact):
        await store.save_reviews(pull_request, [fact.review])


async def _apply_installation(delivery: Delivery, fact: InstallationFact, queue: Queue, clock: Clock) -> str:
    identity, now = fact.installation_id, clock.now()
    await installations.save_installation(delivery.tenant, identity, fact.account, fact.permissions)
    match fact.action:
        case InstallationAction.DELETED:
            await installations.mark_installation(identity, deleted_at=now)
            await _leave(identity, await installations.list_repository_ids(identity), now, queue)
            await queue.save(forget_installation_job(identity).runs_at(now + KEPT_FOR))
        case InstallationAction.SUSPEND:
            await installations.mark_installation(identity, suspended_at=now)
            await hold_pull_requests(identity)
        case InstallationAction.NEW_PERMISSIONS_ACCEPTED:
            pass  # the permissions were saved above
        case InstallationAction.CREATED:
            await _enter(delivery, identity, fact.repositories, queue)
            if fact.sender is not None:
                await queue.save(greet_installer_job(identity, fact.sender.id))
        case InstallationAction.UNSUSPEND:
            await installations.mark_installation(identity, suspended_at=None)
            held = await list_held(identity)
            await queue.save_all(sync_pull_request_job(pull_request_id) for pull_request_id in held)
            await _enter(delivery, identity, fact.repositories, queue)
            # What was opened meanwhile; also where the event does not list the repositories.
            await _backfill(identity, await installations.list_repository_ids(identity), queue)
    return f"{fact.action} on {fact.account.login}"


async def _apply_repositories(delivery: Delivery, fact: RepositoriesFact, queue: Queue, clock: Clock) -> str:
    await installations.save_installation(delivery.tenant, fact.installation_id, fact.account)
    await _enter(delivery, fact.installation_id, fact.added, queue)
    gone = [repository.id for repository in fact.removed]
    await _leave(fact.installation_id, gone, clock.now(), queue)
    return f"{len(fact.added)} added, {len(fact.removed)} removed"


async def _apply_repository(delivery: Delivery, fact: RepositoryFact, queue: Queue, clock: Clock) -> str:
    identity, repository = fact.installation_id, fact.repository
    match fact.action:
        case RepositoryAction.RENAMED:
            await _meet(delivery, identity, repository, delivery.received_at, queue)
        case RepositoryAction.TRANSFERRED:
            # Told to the installation of the new owner; the old one may have taken it from us already.
            if await _meet(delivery, identity, repository, delivery.received_at, queue):
                await queue.save(backfill_repository_job(identity, repository.id))
        case RepositoryAction.DELETED | RepositoryAction.ARCHIVED:
            await _leave(identity, [repository.id], clock.now(), queue)
        case RepositoryAction.UNARCHIVED:
            await installations.save_installation(delivery.tenant, identity)
            await _enter(delivery, identity, [repository], queue)
    return f"{repository.full_name} {fact.action}"


async def _meet(
    delivery: Delivery, installation_id: InstallationId, repository: Repository, at: datetime, queue: Queue
) -> bool:
    async with rules_following(delivery.tenant, [repository], queue):
        return await installations.meet_repository(delivery.tenant, installation_id, repository, at)


async def _enter(
    delivery: Delivery, installation_id: InstallationId, repositories: Sequence[Repository], queue: Queue
) -> None:
    """These are ours to see: what is open there already is read, a page at a time."""
    if not await installations.is_installed(installation_id):
        return  # news that comes after the deletion
    workspace_id, at = delivery.tenant, delivery.received_at
    async with rules_following(workspace_id, repositories, queue):
        await installations.save_repositories(workspace_id, installation_id, repositories, at)
    await _backfill(installation_id, [one.id for one in repositories], queue)


async def _backfill(
    installation_id: InstallationId, repository_ids: Iterable[RepositoryId], queue: Queue
) -> None:
    await queue.save_all(backfill_repository_job(installation_id, identity) for identity in repository_ids)


async def _leave(
    installation_id: InstallationId, repository_ids: Iterable[RepositoryId], now: datetime, queue: Queue
) -> None:
    """These are not ours to see any more: what was sent about them is struck, and nothing follows."""
    gone = await installations.remove_repositories(installation_id, repository_ids, now)
    await close_requests_of_repositories(gone, now, queue)
