"""How a fact changes a pull request and its review requests. Pure: the stores write what this decides.

GitHub's timestamps are whole seconds, deliveries come in any order and twice. So a snapshot newer than what
we know replaces it; an older one is ignored; and of a snapshot of the same second only what its action says
is applied, since the rest of it may already be outdated. What the facts of one second said is kept as
tokens ("requested:12", "state:closed"). Two tokens that contradict each other mean that only GitHub knows
the order: it is asked.
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
"""The token that GitHub's own answer leaves behind."""

_STATE_FACTS = {
    PullRequestAction.CLOSED: "state:closed",
    PullRequestAction.REOPENED: "state:open",
    PullRequestAction.CONVERTED_TO_DRAFT: "draft:true",
    PullRequestAction.READY_FOR_REVIEW: "draft:false",
}


def facts_of(fact: AnyFact) -> frozenset[str]:
    """What a fact says by its action alone, as tokens."""
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


def is_contradiction(same_second: frozenset[str], new: frozenset[str]) -> bool:
    """Whether facts of one second cannot both hold, or came after GitHub's own answer for that second."""
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
    # state, draft, title, head hold one value: any other value of the same second contradicts it.
    return [other for other in same_second if other != token and other.startswith(f"{subject}:")]


class Requested(Value):
    """Somebody who is asked for a review, and by whom as far as a fact tells."""

    account: Account
    by: str | None = None


class Change(Value):
    """What a fact does to the open requests of a pull request."""

    opened: tuple[Requested, ...] = ()
    closed: tuple[tuple[ReviewRequest, CloseReason], ...] = ()


_SAID_BY = {
    PullRequestAction.CLOSED: "state",
    PullRequestAction.REOPENED: "state",
    PullRequestAction.CONVERTED_TO_DRAFT: "is_draft",
    PullRequestAction.READY_FOR_REVIEW: "is_draft",
    PullRequestAction.EDITED: "title",
    PullRequestAction.SYNCHRONIZE: "head_sha",
}
"""The field that an action speaks of: all that is taken from a snapshot of a second already known."""


def apply_tied(stored: PullRequest, fact: AnyFact) -> PullRequest:
    """The pull request after a fact of the same second that contradicts nothing: what its action says."""
    after = stored.model_copy(update={"same_second_facts": stored.same_second_facts | facts_of(fact)})
    if isinstance(fact, ReviewFact):
        return after
    changes: dict[str, object] = {}
    if (name := _SAID_BY.get(fact.action)) is not None:
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
    """The pull request as a newer snapshot shows it. What the snapshot leaves out is kept."""
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
    """The pull request as GitHub's own answer shows it, which settles all that facts of its second said."""
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
    """What a newer snapshot, or GitHub's own answer (fact None), does to the open requests.

    `listed` is whom GitHub lists as asked; `reviews` the newest review of each person. If `listed` is
    partial, it may lack somebody who is still asked, so only the request that the fact is about is closed.
    """
    requests = tuple(open_requests)
    if not after.is_open:
        return Change(closed=tuple((request, ended_by(after)) for request in requests))
    newest = {review.reviewer_id: review for review in reviews}
    wanted = {account.id: account for account in listed if _can_be_asked(account, after)}
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
    """What a fact does by its action alone, where its snapshot may already be outdated."""
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
            if account.id not in requests and _can_be_asked(account, after)
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
    """Whether somebody's reviews count: never the author's own, never a bot's."""
    return reviewer.id != pull_request.author.id and not reviewer.is_bot


def _can_be_asked(account: Account, pull_request: PullRequest) -> bool:
    return counts(account, pull_request)


def ended_by(pull_request: PullRequest) -> CloseReason:
    """Why every request of a pull request that is not open is over."""
    return CloseReason.MERGED if pull_request.state is PullRequestState.MERGED else CloseReason.CLOSED


def _finished_by(fact: AnyFact | None, after: PullRequest) -> AccountId | None:
    """Who has just reviewed, so that a payload which still lists them is outdated in that."""
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
    """A human pressed "re-request" after a reply: the same person, a new turn."""
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
    """Why a request is over whose reviewer GitHub no longer lists, given that person's newest review."""
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
    """Whether nobody needs this review any more: GitHub's verdict, or where it has none, ours.

    Ours is `needed` approvals, among them those that rules demand, and nobody who wants changes. Like GitHub,
    it leaves out reviews by people without write access. Somebody asked again after the last approval is
    still wanted.
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
