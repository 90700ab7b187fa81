"""How a fact relates to the stored pull request, and what follows from that. Pure: see rules.py."""

from collections.abc import Iterable, Sequence
from enum import Enum

from bot.github.model import ReviewFact
from bot.model import RequestId, WorkspaceId
from bot.reviews import rules
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest
from bot.reviews.rules import AnyFact, Change


class Relation(Enum):
    """How a fact relates to the pull request as it is stored.

    NEWER: its snapshot replaces the pull request. SAME_SECOND: only its action counts. CONTRADICTING: it
    denies another fact of the same second. OLDER: a newer fact has overtaken it.
    """

    NEWER = "newer"
    SAME_SECOND = "same second"
    CONTRADICTING = "contradicting"
    OLDER = "older"


def relate(stored: PullRequest | None, fact: AnyFact) -> Relation:
    """The relation of a fact to the stored pull request; None if there is none."""
    updated_at = fact.pull_request.updated_at
    if stored is None or updated_at > stored.updated_at:
        return Relation.NEWER
    if updated_at < stored.updated_at:
        return Relation.OLDER
    if rules.is_contradiction(stored.same_second_facts, rules.facts_of(fact)):
        return Relation.CONTRADICTING
    return Relation.SAME_SECOND


def apply(stored: PullRequest | None, workspace_id: WorkspaceId, fact: AnyFact) -> PullRequest:
    """The pull request after a fact. One that contradicts or is older leaves it as it is."""
    relation = relate(stored, fact)
    if stored is None or relation is Relation.NEWER:
        return rules.apply_snapshot(stored, workspace_id, fact.pull_request, rules.facts_of(fact))
    return rules.apply_tied(stored, fact) if relation is Relation.SAME_SECOND else stored


def change(
    relation: Relation,
    after: PullRequest,
    fact: AnyFact,
    open_requests: Sequence[ReviewRequest],
    replies: Iterable[LatestReview],
) -> Change:
    """The requests that a fact opens and closes."""
    if relation is Relation.NEWER:
        snapshot = fact.pull_request
        return rules.change_by_snapshot(
            after, fact, snapshot.requested, open_requests, replies, is_partial=snapshot.is_partial
        )
    return (
        rules.change_by_action(after, fact, open_requests) if relation is Relation.SAME_SECOND else Change()
    )


def correct(fact: ReviewFact, requests: Iterable[ReviewRequest]) -> list[tuple[RequestId, CloseReason]]:
    """Why the reviewer's requests were closed, as a review that came late explains it."""
    return [
        (request.id, rules.reason_of(request, fact.review.state, fact.review.submitted_at))
        for request in requests
        if request.reviewer_id == fact.review.author.id
    ]
