"""Applies a fact about a pull request, its review requests and its reviews.

Facts come in any order and twice. bot/reviews/rules.py explains how the newest one wins.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.flows.catalog import assign_reviewers_job, sync_pull_request_job
from bot.flows.change import ASSIGN_AFTER_MINUTES, AppliedChange, record_change
from bot.flows.follow_names import follow_logins
from bot.flows.repositories import register_repository
from bot.flows.visibility import hold_pull_request
from bot.github.deliveries import DeliveryOutcome
from bot.github.model import Account, PullRequestAction, PullRequestFact, ReviewFact, ReviewState
from bot.model import WorkspaceId
from bot.reviews import rules, store
from bot.reviews.model import PullRequest, ReviewRequest
from bot.reviews.names import name_requester
from bot.reviews.rules import AnyFact, Change
from jobq import Job

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
_KEEP_SNOOZES = frozenset({PullRequestAction.LABELED, PullRequestAction.UNLABELED})
"""Actions that do not end "snoozed until something changes", no matter who takes them."""


async def apply_pull_request_fact(workspace_id: WorkspaceId, fact: AnyFact) -> AppliedChange:
    """Stores what the fact changes. Call it in a transaction, and save the jobs in the same one.

    It locks the repository, then the pull request. The repository's lock matters for a pull request that is
    not stored yet and so has no row to lock: two facts of a new pull request may come at once.
    """
    snapshot = fact.pull_request
    repository = await register_repository(
        workspace_id, fact.installation_id, snapshot.repository, snapshot.updated_at
    )
    if repository.is_visible:
        applied = await _apply(workspace_id, fact)
    else:
        applied = AppliedChange("the App was removed from this repository", outcome=DeliveryOutcome.LATE)
    doubts = await _doubts(fact) if repository.is_visible else ()
    return replace(applied, jobs=(*repository.jobs, *applied.jobs, *doubts))


async def _doubts(fact: AnyFact) -> tuple[Job, ...]:
    """GitHub is asked if the fact contradicts itself or is partial. Nothing is sent about a contradiction."""
    snapshot = fact.pull_request
    is_contradictory = rules.contradicts_itself(fact)
    if is_contradictory:
        await hold_pull_request(snapshot.id)
    return (sync_pull_request_job(snapshot.id),) if is_contradictory or snapshot.is_partial else ()


async def _apply(workspace_id: WorkspaceId, fact: AnyFact) -> AppliedChange:
    updated_at = fact.pull_request.updated_at
    stored = await store.lock_pull_request(fact.pull_request.id)
    if stored is None or updated_at > stored.updated_at:
        return await _apply_newer(workspace_id, stored, fact)
    if updated_at < stored.updated_at:
        return await _apply_older(stored, fact)
    if rules.is_contradiction(stored.same_second_facts, rules.facts_of(fact)):
        return await _ask_github(stored, fact)
    return await _apply_same_second(stored, fact)


async def _apply_newer(workspace_id: WorkspaceId, stored: PullRequest | None, fact: AnyFact) -> AppliedChange:
    after = rules.apply_snapshot(stored, workspace_id, fact.pull_request, rules.facts_of(fact))
    await _save(after, fact)
    requests, replies = await store.list_open_requests_with_replies(after) if stored else ((), ())
    snapshot = fact.pull_request
    change = rules.change_by_snapshot(
        after, fact, snapshot.requested, requests, replies, is_partial=snapshot.is_partial
    )
    return await _record(after, fact, change, requests)


async def _apply_same_second(stored: PullRequest, fact: AnyFact) -> AppliedChange:
    after = rules.apply_tied(stored, fact)
    await _save(after, fact)
    requests = await store.list_open_requests(after.id)
    return await _record(after, fact, rules.change_by_action(after, fact, requests), requests)


async def _ask_github(stored: PullRequest, fact: AnyFact) -> AppliedChange:
    await _save_review(stored, fact)
    return AppliedChange(
        "contradicts another fact of the same second: GitHub is asked",
        (sync_pull_request_job(stored.id),),
        DeliveryOutcome.TIED,
    )


async def _apply_older(stored: PullRequest, fact: AnyFact) -> AppliedChange:
    """Records a review, which counts however late it comes. A newer fact has overtaken everything else."""
    await _save_review(stored, fact)
    if not isinstance(fact, ReviewFact) or not rules.counts(fact.review.author, stored):
        return AppliedChange(outcome=DeliveryOutcome.LATE)
    for request in await store.list_requests(stored.id):
        if request.reviewer_id == fact.review.author.id:
            reason = rules.reason_of(request, fact.review.state, fact.review.submitted_at)
            await store.correct_close_reason(request.id, reason)
    return AppliedChange("review recorded", outcome=DeliveryOutcome.LATE)


async def _record(
    after: PullRequest, fact: AnyFact, change: Change, open_requests: Sequence[ReviewRequest]
) -> AppliedChange:
    owners = await follow_logins(
        after.workspace_id, _accounts_in(fact), open_requests, fact.pull_request.updated_at
    )
    closed = {request.id for request, _ in change.closed}
    kept = [request for request in open_requests if request.id not in closed]
    await _end_snoozes(after, fact, kept)
    await _name_requester(fact, kept)
    recorded = await record_change(after, change, open_requests, owners, fact.pull_request.updated_at)
    follow_up = _follow_up(after, fact, is_somebody_asked=bool(kept or change.opened))
    return replace(recorded, jobs=(*recorded.jobs, *follow_up))


def _accounts_in(fact: AnyFact) -> list[Account]:
    reviewer = fact.review.author if isinstance(fact, ReviewFact) else fact.reviewer
    return [*fact.pull_request.accounts, *filter(None, (fact.sender, reviewer))]


async def _end_snoozes(after: PullRequest, fact: AnyFact, kept: Sequence[ReviewRequest]) -> None:
    if _is_change(fact) and any(request.is_snoozed_until_change for request in kept):
        await store.end_snooze_until_change(after.id)


def _is_change(fact: AnyFact) -> bool:
    """Whether this ends "snoozed until something changes". Bots, and reviews by strangers, change nothing."""
    if fact.sender is not None and fact.sender.is_bot:
        return False
    if isinstance(fact, ReviewFact):
        return not fact.review.author.is_bot and _is_by_insider(fact)
    return fact.action not in _KEEP_SNOOZES


def _is_by_insider(fact: ReviewFact) -> bool:
    return fact.review.may_write or fact.review.author.id == fact.pull_request.author.id


async def _name_requester(fact: AnyFact, kept: Sequence[ReviewRequest]) -> None:
    """Says who asked, if another fact opened the request first and did not know."""
    if not isinstance(fact, PullRequestFact) or fact.action is not PullRequestAction.REVIEW_REQUESTED:
        return
    if fact.sender is None:
        return
    for request in kept:
        if fact.reviewer and request.reviewer_id == fact.reviewer.id and request.requested_by is None:
            await name_requester(request.id, fact.sender.login)


def _follow_up(after: PullRequest, fact: AnyFact, *, is_somebody_asked: bool) -> tuple[Job, ...]:
    if isinstance(fact, ReviewFact):
        # Only GitHub knows whether branch protection is satisfied, which quiets the other requests.
        is_verdict = fact.review.state is not ReviewState.COMMENTED
        return (sync_pull_request_job(after.id),) if is_somebody_asked and is_verdict else ()
    if fact.action in _MAY_NEED_REVIEWERS and after.is_open and not after.is_draft:
        return (assign_reviewers_job(after.id).runs_in(minutes=ASSIGN_AFTER_MINUTES),)
    return ()


async def _save(after: PullRequest, fact: AnyFact) -> None:
    await store.save_pull_request(after)
    await _save_review(after, fact)


async def _save_review(pull_request: PullRequest, fact: AnyFact) -> None:
    if isinstance(fact, ReviewFact):
        await store.save_reviews(pull_request, [fact.review])
