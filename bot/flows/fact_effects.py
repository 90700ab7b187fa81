"""Snoozes, names and jobs that follow from a fact, beside the requests that it opens and closes. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from bot.flows.catalog import ask_for_verdict_job, assign_reviewers_job
from bot.flows.change import ASSIGN_AFTER_MINUTES
from bot.github.model import Account, PullRequestAction, PullRequestFact, ReviewFact, ReviewState
from bot.model import RequestId
from bot.reviews.model import PullRequest, ReviewRequest
from bot.reviews.rules import AnyFact
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


def accounts_in(fact: AnyFact) -> list[Account]:
    """Everybody whom the fact names."""
    reviewer = fact.review.author if isinstance(fact, ReviewFact) else fact.reviewer
    return [*fact.pull_request.accounts, *filter(None, (fact.sender, reviewer))]


def ends_snoozes(fact: AnyFact, open_requests: Iterable[ReviewRequest]) -> bool:
    """Whether one of these is "snoozed until something changes", and the fact is such a change."""
    return _is_change(fact) and any(request.is_snoozed_until_change for request in open_requests)


def _is_change(fact: AnyFact) -> bool:
    """Bots, and reviews by strangers, change nothing."""
    if fact.sender is not None and fact.sender.is_bot:
        return False
    if isinstance(fact, ReviewFact):
        return not fact.review.author.is_bot and _is_by_insider(fact)
    return fact.action not in _KEEP_SNOOZES


def _is_by_insider(fact: ReviewFact) -> bool:
    return fact.review.may_write or fact.review.author.id == fact.pull_request.author.id


def find_unnamed(fact: AnyFact, open_requests: Sequence[ReviewRequest]) -> Iterator[tuple[RequestId, str]]:
    """The requests of which this fact says who asked, if another fact opened them first and did not know."""
    if not isinstance(fact, PullRequestFact) or fact.action is not PullRequestAction.REVIEW_REQUESTED:
        return
    if fact.sender is None or fact.reviewer is None:
        return
    for request in open_requests:
        if request.reviewer_id == fact.reviewer.id and request.requested_by is None:
            yield request.id, fact.sender.login


def follow_up(after: PullRequest, fact: AnyFact, *, is_somebody_asked: bool) -> tuple[Job, ...]:
    """The jobs that follow from the fact itself."""
    if isinstance(fact, ReviewFact):
        # Only GitHub knows whether branch protection is satisfied, which quiets the other requests.
        is_verdict = fact.review.state is not ReviewState.COMMENTED
        return (
            (ask_for_verdict_job(after.id, fact.installation_id),) if is_somebody_asked and is_verdict else ()
        )
    if fact.action in _MAY_NEED_REVIEWERS and after.is_open and not after.is_draft:
        return (assign_reviewers_job(after.id, fact.installation_id).runs_in(minutes=ASSIGN_AFTER_MINUTES),)
    return ()
