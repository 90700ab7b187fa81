"""Decides how a fact changes a pull request and its review requests. Pure: the stores write the result.

GitHub's timestamps are whole seconds, and deliveries come in any order and twice. So a snapshot that is newer
than the stored pull request replaces it, and an older one is ignored. If both are of the same second, only
the part that the action names is applied, since the rest of the snapshot may be outdated. The facts of one
second are kept as tokens ("requested:12", "state:closed"). If two of them contradict each other, only GitHub
knows which came last, so GitHub is asked.
"""

from collections.abc import Iterable
from datetime import datetime

from bot.assignment.model import Demand
from bot.github.model import (
    GHOST,
    Account,
    PullRequestAction,
    PullRequestFact,
    PullRequestSnapshot,
    PullRequestState,
    ReviewDecision,
    ReviewFact,
    ReviewState,
)
from bot.model import AccountId, Value, WorkspaceId
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest

AnyFact = PullRequestFact | ReviewFact

SYNCED = "synced"
"""The token that stands for GitHub's own answer."""

_STATE_FACTS = {
    PullRequestAction.CLOSED: "state:closed",
    PullRequestAction.REOPENED: "state:open",
    PullRequestAction.CONVERTED_TO_DRAFT: "draft:true",
    PullRequestAction.READY_FOR_REVIEW: "draft:false",
}


def facts_of(fact: AnyFact) -> frozenset[str]:
    """The tokens for what a fact says by its action alone."""
    if isinstance(fact, ReviewFact):
        return frozenset({f"reviewed:{fact.review.author.id}"}) if fact.action == "submitted" else frozenset()
    match fact.action:
        case PullRequestAction.REVIEW_REQUESTED if fact.reviewer:
            return frozenset({f"requested:{fact.reviewer.id}"})
        case PullRequestAction.REVIEW_REQUEST_REMOVED if fact.reviewer:
            return frozenset({f"removed:{fact.reviewer.id}"})
        case PullRequestAction.LABELED if fact.label:
            return frozenset({f"label+:{fact.label}"})
        case PullRequestAction.UNLABELED if fact.label:
            return frozenset({f"label-:{fact.label}"})
        case PullRequestAction.EDITED:
            return frozenset({f"title:{fact.pull_request.title}"})
        case PullRequestAction.SYNCHRONIZE:
            return frozenset({f"head:{fact.pull_request.head_sha}"})
    token = _STATE_FACTS.get(fact.action)
    return frozenset({token} if token else ())


def contradicts_itself(fact: AnyFact) -> bool:
    """Whether the snapshot denies what the action says, as GitHub's payloads sometimes do."""
    if isinstance(fact, ReviewFact):
        return False
    snapshot = fact.pull_request
    match fact.action:
        case PullRequestAction.CLOSED:
            return snapshot.state is PullRequestState.OPEN
        case PullRequestAction.OPENED | PullRequestAction.REOPENED:
            return snapshot.state is not PullRequestState.OPEN
        case PullRequestAction.CONVERTED_TO_DRAFT | PullRequestAction.READY_FOR_REVIEW:
            return snapshot.is_draft is (fact.action is PullRequestAction.READY_FOR_REVIEW)
        case _:
            return False


def is_contradiction(same_second: frozenset[str], new: frozenset[str]) -> bool:
    """Whether the new tokens contradict those of the same second, or go beyond GitHub's own answer for it."""
    if SYNCED in same_second:
        return bool(new - same_second)
    return any(opposite in same_second for token in new for opposite in _opposites(token, same_second))


def _opposites(token: str, same_second: frozenset[str]) -> Iterable[str]:
    subject, _, value = token.partition(":")
    match subject:
        case "requested":
            return (f"removed:{value}", f"reviewed:{value}")
        case "removed" | "reviewed":
            return (f"requested:{value}",)
        case "label+":
            return (f"label-:{value}",)
        case "label-":
            return (f"label+:{value}",)
    # state, draft, title and head have one value, which any other value of the same second contradicts.
    return [other for other in same_second if other != token and other.startswith(f"{subject}:")]


class Requested(Value):
    """Somebody who is asked for a review. `by` is the login of who asked, if a fact says so."""

    account: Account
    by: str | None = None


class Change(Value):
    """The requests of a pull request to open, and the open ones to close with the reason for each."""

    opened: tuple[Requested, ...] = ()
    closed: tuple[tuple[ReviewRequest, CloseReason], ...] = ()


_FIELD_OF = {
    PullRequestAction.CLOSED: "state",
    PullRequestAction.REOPENED: "state",
    PullRequestAction.CONVERTED_TO_DRAFT: "is_draft",
    PullRequestAction.READY_FOR_REVIEW: "is_draft",
    PullRequestAction.EDITED: "title",
    PullRequestAction.SYNCHRONIZE: "head_sha",
}
"""The field that an action names. Nothing else is taken from a snapshot of the stored second."""


def apply_tied(stored: PullRequest, fact: AnyFact) -> PullRequest:
    """The pull request after a fact of the same second that contradicts nothing."""
    after = stored.model_copy(update={"same_second_facts": stored.same_second_facts | facts_of(fact)})
    if isinstance(fact, ReviewFact):
        return after
    changes: dict[str, object] = {}
    if (name := _FIELD_OF.get(fact.action)) is not None:
        changes[name] = getattr(fact.pull_request, name)
    if fact.action is PullRequestAction.SYNCHRONIZE:
        changes["pushed_at"] = fact.pull_request.updated_at
    if fact.action is PullRequestAction.REOPENED:
        changes["round"] = _next_round(stored, fact.pull_request.state)
    return after.model_copy(update=changes | _tied_labels(stored, fact) | _tied_teams(stored, fact))


def _tied_labels(stored: PullRequest, fact: PullRequestFact) -> dict[str, object]:
    if fact.label is None:
        return {}
    came = fact.action is PullRequestAction.LABELED
    return {"labels": stored.labels | {fact.label} if came else stored.labels - {fact.label}}


def _tied_teams(stored: PullRequest, fact: PullRequestFact) -> dict[str, object]:
    if fact.team is None:
        return {}
    others = tuple(slug for slug in stored.requested_teams if slug != fact.team.slug)
    came = fact.action is PullRequestAction.REVIEW_REQUESTED
    return {"requested_teams": (*others, fact.team.slug) if came else others}


def apply_snapshot(
    stored: PullRequest | None,
    workspace_id: WorkspaceId,
    snapshot: PullRequestSnapshot,
    same_second_facts: frozenset[str],
) -> PullRequest:
    """The pull request as a newer snapshot shows it. Fields that the snapshot lacks are kept."""
    head_sha = snapshot.head_sha or (stored.head_sha if stored else "")
    pushed = stored is not None and stored.head_sha != head_sha
    fields = {
        name: getattr(snapshot, name)
        for name in (
            "id", "number", "title", "url", "state", "is_draft", "created_at", "updated_at",
        )
    }  # fmt: skip
    return PullRequest(
        **fields,
        author=stored.author if stored and snapshot.author == GHOST else snapshot.author,
        head_sha=head_sha,
        workspace_id=workspace_id,
        repository_id=snapshot.repository.id,
        repository=snapshot.repository.full_name,
        labels=frozenset(snapshot.labels),
        requested_teams=tuple(team.slug for team in snapshot.requested_teams),
        **_sizes(stored, snapshot),
        review_decision=stored.review_decision if stored else None,
        same_second_facts=same_second_facts,
        pushed_at=snapshot.updated_at if pushed else (stored and stored.pushed_at),
        round=_next_round(stored, snapshot.state),
    )


def apply_answer(
    stored: PullRequest | None, workspace_id: WorkspaceId, snapshot: PullRequestSnapshot
) -> PullRequest:
    """The pull request as GitHub's own answer shows it. This settles any contradiction in its second."""
    is_same_second = stored is not None and stored.updated_at == snapshot.updated_at
    same_second_facts = stored.same_second_facts if stored and is_same_second else frozenset[str]()
    return apply_snapshot(stored, workspace_id, snapshot, same_second_facts | {SYNCED})


def _sizes(stored: PullRequest | None, snapshot: PullRequestSnapshot) -> dict[str, int | None]:
    sizes = {name: getattr(snapshot, name) for name in ("additions", "deletions", "changed_files")}
    if stored is None:
        return sizes
    return {name: getattr(stored, name) if size is None else size for name, size in sizes.items()}


def _next_round(stored: PullRequest | None, state: PullRequestState) -> int:
    if stored is None:
        return 1
    return stored.round + (state is PullRequestState.OPEN and not stored.is_open)


def change_by_snapshot(
    after: PullRequest,
    fact: AnyFact | None,
    listed: Iterable[Account],
    open_requests: Iterable[ReviewRequest],
    reviews: Iterable[LatestReview],
    *,
    is_partial: bool = False,
) -> Change:
    """The change by a newer snapshot, or by GitHub's own answer if `fact` is None.

    `listed` are the accounts that GitHub lists as asked. `reviews` are the newest reviews of reviewers. If
    `listed` is partial, it may lack somebody who is still asked, so only the request that the fact is about
    is closed.
    """
    requests = tuple(open_requests)
    if not after.is_open:
        return Change(closed=tuple((request, ended_by(after)) for request in requests))
    newest = {review.reviewer_id: review for review in reviews}
    wanted = {account.id: account for account in listed if counts(account, after)}
    if (done := _finished_by(fact, after)) is not None:
        wanted.pop(done, None)
    again = {request.id for request in requests if _is_asked_again(request, fact, newest)}
    kept = {r.reviewer_id for r in requests if r.reviewer_id in wanted and r.id not in again}
    gone = [request for request in requests if request.reviewer_id not in kept]
    if is_partial:
        gone = [request for request in gone if request.id in again or _is_ended_by(request, fact, done)]
    return Change(
        opened=tuple(
            Requested(account=account, by=_asked_by(fact, account))
            for account in wanted.values()
            if account.id not in kept
        ),
        closed=tuple((request, _reason(request, fact, newest)) for request in gone),
    )


def change_by_action(after: PullRequest, fact: AnyFact, open_requests: Iterable[ReviewRequest]) -> Change:
    """The change by a fact's action alone, for a fact whose snapshot may be outdated."""
    requests = {request.reviewer_id: request for request in open_requests}
    if not after.is_open:
        return Change(closed=tuple((request, ended_by(after)) for request in requests.values()))
    if isinstance(fact, ReviewFact):
        return _change_by_review(after, fact, requests)
    match fact.action:
        case PullRequestAction.REVIEW_REQUESTED if fact.reviewer:
            asked = [fact.reviewer]
        case PullRequestAction.REOPENED:
            asked = list(fact.pull_request.requested)
        case PullRequestAction.REVIEW_REQUEST_REMOVED if fact.reviewer and fact.reviewer.id in requests:
            return Change(closed=((requests[fact.reviewer.id], _taken_back_by(fact)),))
        case _:
            return Change()
    return Change(
        opened=tuple(
            Requested(account=account, by=_asked_by(fact, account))
            for account in asked
            if account.id not in requests and counts(account, after)
        )
    )


def _change_by_review(
    after: PullRequest, fact: ReviewFact, requests: dict[AccountId, ReviewRequest]
) -> Change:
    request = requests.get(fact.review.author.id)
    if request is None or fact.action != "submitted" or not counts(fact.review.author, after):
        return Change()
    still_listed = any(account.id == request.reviewer_id for account in fact.pull_request.requested)
    if fact.review.state is ReviewState.COMMENTED and still_listed:
        return Change()
    return Change(closed=((request, CloseReason(fact.review.state)),))


def counts(reviewer: Account, pull_request: PullRequest) -> bool:
    """Whether somebody can be asked for a review that counts. The author and bots cannot."""
    return reviewer.id != pull_request.author.id and not reviewer.is_bot


def ended_by(pull_request: PullRequest) -> CloseReason:
    """The reason with which a pull request that is not open closes its requests."""
    return CloseReason.MERGED if pull_request.state is PullRequestState.MERGED else CloseReason.CLOSED


def _finished_by(fact: AnyFact | None, after: PullRequest) -> AccountId | None:
    """The account that has just reviewed. A payload that still lists it as asked is outdated."""
    if (
        not isinstance(fact, ReviewFact)
        or fact.action != "submitted"
        or not counts(fact.review.author, after)
    ):
        return None
    return None if fact.review.state is ReviewState.COMMENTED else fact.review.author.id


def _is_asked_again(
    request: ReviewRequest, fact: AnyFact | None, newest: dict[AccountId, LatestReview]
) -> bool:
    """Whether somebody pressed "re-request" after a reply: the same person gets a new request."""
    review = newest.get(request.reviewer_id)
    replied = review is not None and review.submitted_at >= request.opened_at
    return replied and _names(fact, PullRequestAction.REVIEW_REQUESTED, request.reviewer_id)


def _is_ended_by(request: ReviewRequest, fact: AnyFact | None, done: AccountId | None) -> bool:
    removed = _names(fact, PullRequestAction.REVIEW_REQUEST_REMOVED, request.reviewer_id)
    return removed or request.reviewer_id == done


def _asked_by(fact: AnyFact | None, account: Account) -> str | None:
    named = _names(fact, PullRequestAction.REVIEW_REQUESTED, account.id)
    return fact.sender.login if fact is not None and fact.sender is not None and named else None


def _names(fact: AnyFact | None, action: PullRequestAction, reviewer_id: AccountId) -> bool:
    return (
        isinstance(fact, PullRequestFact)
        and fact.action is action
        and fact.reviewer is not None
        and fact.reviewer.id == reviewer_id
    )


def _reason(
    request: ReviewRequest,
    fact: AnyFact | None,
    newest: dict[AccountId, LatestReview],
) -> CloseReason:
    if _names(fact, PullRequestAction.REVIEW_REQUEST_REMOVED, request.reviewer_id):
        return _taken_back_by(fact)
    review = newest.get(request.reviewer_id)
    return reason_of(request, review.state, review.submitted_at) if review else CloseReason.UNASSIGNED


def reason_of(request: ReviewRequest, state: ReviewState, submitted_at: datetime) -> CloseReason:
    """The reason to close a request whose reviewer GitHub no longer lists, by that person's newest review."""
    if submitted_at < request.opened_at or state is ReviewState.DISMISSED:
        return CloseReason.UNASSIGNED
    return CloseReason(state)


def _taken_back_by(fact: AnyFact | None) -> CloseReason:
    by_human = fact is not None and fact.sender is not None and not fact.sender.is_bot
    return CloseReason.REMOVED if by_human else CloseReason.UNASSIGNED


def is_approved_enough(
    request: ReviewRequest,
    pull_request: PullRequest,
    reviews: Iterable[LatestReview],
    needed: int,
    demands: Iterable[Demand] = (),
) -> bool:
    """Whether the pull request has enough approvals without this review.

    GitHub's verdict counts. If it has none, `needed` approvals are enough, among them those that `demands`
    name, if nobody wants changes. Like GitHub, this leaves out reviews by people without write access. A
    reviewer who was asked again after the last approval is still needed.
    """
    latest = tuple(review for review in reviews if review.may_write)
    approvals = [review for review in latest if review.state is ReviewState.APPROVED]
    if request.is_again and all(request.opened_at >= review.submitted_at for review in approvals):
        return False
    if pull_request.review_decision is not None:
        return pull_request.review_decision is ReviewDecision.APPROVED
    if any(review.state is ReviewState.CHANGES_REQUESTED for review in latest):
        return False
    approvers = {review.reviewer_login.lower() for review in approvals}
    are_met = all(len(approvers.intersection(demand.logins)) >= demand.at_least for demand in demands)
    return len(approvals) >= needed and are_met
