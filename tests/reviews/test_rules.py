"""How facts change pull requests and requests: tables, no database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.assignment.model import Demand
from bot.github.model import (
    Account,
    PullRequestAction,
    PullRequestFact,
    PullRequestSnapshot,
    PullRequestState,
    Repository,
    Review,
    ReviewDecision,
    ReviewFact,
    ReviewState,
    Team,
)
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest
from bot.reviews.rules import (
    SYNCED,
    AnyFact,
    Change,
    apply_snapshot,
    apply_tied,
    change_by_action,
    change_by_snapshot,
    facts_of,
    is_approved_enough,
    is_contradiction,
)
from tests import factories

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BEN, ANA, CHO = (Account(id=AccountId(i), login=name) for i, name in enumerate(("ben", "ana", "cho"), 1))
ROBOT = Account(id=AccountId(9), login="copilot", is_bot=True)


def snapshot(**changes: Any) -> PullRequestSnapshot:
    fields: dict[str, Any] = {
        "id": PullRequestId(7), "repository": Repository(id=RepositoryId(1), full_name="acme/api"),
        "number": 12, "title": "Round up", "url": "https://github.com/acme/api/pull/12", "author": BEN,
        "state": PullRequestState.OPEN, "is_draft": False, "head_sha": "a1", "labels": (), "requested": (),
        "requested_teams": (), "created_at": NOON, "updated_at": NOON,
    }  # fmt: skip
    return PullRequestSnapshot(**(fields | changes))


def fact(action: str, *, sender: Account = BEN, **changes: Any) -> PullRequestFact:
    extra = {name: changes.pop(name) for name in ("reviewer", "team", "label") if name in changes}
    return PullRequestFact(
        action=PullRequestAction(action),
        installation_id=InstallationId(1),
        sender=sender,
        pull_request=snapshot(**changes),
        **extra,
    )


def review_fact(author: Account, state: ReviewState, **changes: Any) -> ReviewFact:
    review = Review(id=1, author=author, state=state, submitted_at=changes.get("updated_at", NOON))
    return ReviewFact(
        action="submitted",
        installation_id=InstallationId(1),
        sender=author,
        pull_request=snapshot(**changes),
        review=review,
    )


def pull_request(**changes: Any) -> PullRequest:
    """As its first fact stores it."""
    return apply_snapshot(None, WorkspaceId(1), snapshot(**changes), frozenset())


def request(reviewer: Account, **changes: Any) -> ReviewRequest:
    of_reviewer = {"id": RequestId(reviewer.id), "reviewer_id": reviewer.id, "reviewer_login": reviewer.login}
    return factories.request(**{"requested_by": None, "opened_at": NOON} | of_reviewer | changes)


def outcome(change: Change) -> tuple[list[str], list[tuple[str, CloseReason]]]:
    return (
        [requested.account.login for requested in change.opened],
        [(closed.reviewer_login, reason) for closed, reason in change.closed],
    )


LATER = NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("earlier", "new", "contradicts"),
    [
        ({"requested:2"}, {"requested:3"}, False),
        ({"requested:2"}, {"removed:2"}, True),
        ({"removed:2"}, {"requested:2"}, True),
        ({"reviewed:2"}, {"requested:2"}, True),
        ({"reviewed:2"}, {"requested:3"}, False),
        ({"state:closed"}, {"state:open"}, True),
        ({"state:closed"}, {"draft:true"}, False),
        ({"draft:true"}, {"draft:false"}, True),
        ({"title:a"}, {"title:b"}, True),
        ({"title:a"}, {"title:a"}, False),
        ({"head:a1"}, {"head:b2"}, True),
        ({"label+:wip"}, {"label-:wip"}, True),
        ({"label+:wip"}, {"label-:ui"}, False),
        ({"state:closed"}, set(), False),
        ({SYNCED}, {"requested:2"}, True),
        ({SYNCED, "requested:2"}, {"requested:2"}, False),
    ],
)
def test_only_facts_that_cannot_both_hold_contradict(
    earlier: set[str], new: set[str], contradicts: bool
) -> None:
    assert is_contradiction(frozenset(earlier), frozenset(new)) is contradicts


@pytest.mark.parametrize(
    ("tied", "expected"),
    [
        (fact("closed", state=PullRequestState.MERGED), {"state": PullRequestState.MERGED}),
        (fact("converted_to_draft", is_draft=True), {"is_draft": True}),
        (fact("edited", title="Round down"), {"title": "Round down"}),
        (fact("synchronize", head_sha="b2"), {"head_sha": "b2", "pushed_at": NOON}),
        (fact("labeled", label="wip", labels=("wip",)), {"labels": frozenset({"wip", "ui"})}),
        (fact("unlabeled", label="ui"), {"labels": frozenset()}),
        (
            fact("review_requested", team=Team(id=1, slug="core")),
            {"requested_teams": ("core",)},
        ),
    ],
)
def test_of_a_tied_snapshot_only_the_field_that_its_action_names_is_taken(
    tied: PullRequestFact, expected: dict[str, Any]
) -> None:
    before = pull_request(title="Old title" if tied.action != "edited" else "Round up", labels=("ui",))
    after = apply_tied(before, tied)
    changed = {name: getattr(after, name) for name in expected}
    assert changed == expected
    untouched = before.model_dump(exclude={*expected, "same_second_facts", "round"})
    assert after.model_dump(exclude={*expected, "same_second_facts", "round"}) == untouched


def test_a_reopened_pull_request_begins_a_new_round() -> None:
    closed = pull_request(state=PullRequestState.CLOSED)
    reopened = apply_snapshot(closed, WorkspaceId(1), snapshot(updated_at=LATER), frozenset())
    assert (closed.round, reopened.round) == (1, 2)


def test_a_snapshot_without_sizes_keeps_the_stored_ones() -> None:
    sized = pull_request(additions=10, deletions=2, changed_files=1)
    after = apply_snapshot(sized, WorkspaceId(1), snapshot(updated_at=LATER), frozenset())
    assert (after.additions, after.deletions, after.changed_files) == (10, 2, 1)


SNAPSHOT_CASES: list[tuple[str, AnyFact | None, list[ReviewRequest], list[LatestReview], Any]] = [
    (
        "everybody who is listed is asked",
        fact("review_requested", reviewer=ANA, requested=(ANA, CHO)),
        [],
        [],
        (["ana", "cho"], []),
    ),
    (
        "authors and bots are never asked",
        fact("opened", requested=(BEN, ROBOT)),
        [],
        [],
        ([], []),
    ),
    (
        "an open request stays one request",
        fact("labeled", label="ui", requested=(ANA,)),
        [request(ANA)],
        [],
        ([], []),
    ),
    (
        "a request taken back by a human is removed",
        fact("review_request_removed", reviewer=ANA),
        [request(ANA)],
        [],
        ([], [("ana", CloseReason.REMOVED)]),
    ),
    (
        "a request taken back by a bot is unassigned",
        fact("review_request_removed", reviewer=ANA, sender=ROBOT),
        [request(ANA)],
        [],
        ([], [("ana", CloseReason.UNASSIGNED)]),
    ),
    (
        "a merge ends every request",
        fact("closed", state=PullRequestState.MERGED, requested=(ANA, CHO)),
        [request(ANA), request(CHO)],
        [],
        ([], [("ana", CloseReason.MERGED), ("cho", CloseReason.MERGED)]),
    ),
    (
        "a close ends every request",
        fact("closed", state=PullRequestState.CLOSED),
        [request(ANA)],
        [],
        ([], [("ana", CloseReason.CLOSED)]),
    ),
    (
        "an approval ends the request even if the payload still lists the reviewer",
        review_fact(ANA, ReviewState.APPROVED, requested=(ANA, CHO)),
        [request(ANA), request(CHO)],
        [
            LatestReview(
                reviewer_id=ANA.id, reviewer_login="ana", state=ReviewState.APPROVED, submitted_at=NOON
            )
        ],
        ([], [("ana", CloseReason.APPROVED)]),
    ),
    (
        "a comment by somebody still listed is a reply",
        review_fact(ANA, ReviewState.COMMENTED, requested=(ANA,)),
        [request(ANA)],
        [
            LatestReview(
                reviewer_id=ANA.id, reviewer_login="ana", state=ReviewState.COMMENTED, submitted_at=NOON
            )
        ],
        ([], []),
    ),
    (
        "a comment by somebody no longer listed is the review",
        review_fact(ANA, ReviewState.COMMENTED),
        [request(ANA)],
        [
            LatestReview(
                reviewer_id=ANA.id, reviewer_login="ana", state=ReviewState.COMMENTED, submitted_at=NOON
            )
        ],
        ([], [("ana", CloseReason.COMMENTED)]),
    ),
    (
        "asked again after a reply is a new turn",
        fact("review_requested", reviewer=ANA, requested=(ANA,), updated_at=LATER),
        [request(ANA)],
        [
            LatestReview(
                reviewer_id=ANA.id, reviewer_login="ana", state=ReviewState.COMMENTED, submitted_at=NOON
            )
        ],
        (["ana"], [("ana", CloseReason.COMMENTED)]),
    ),
    (
        "a reviewer who vanished for no known reason is unassigned",
        fact("synchronize", head_sha="b2"),
        [request(ANA)],
        [],
        ([], [("ana", CloseReason.UNASSIGNED)]),
    ),
    (
        "a reviewer who vanished after a stored review has reviewed",
        None,
        [request(ANA)],
        [
            LatestReview(
                reviewer_id=ANA.id, reviewer_login="ana", state=ReviewState.APPROVED, submitted_at=NOON
            )
        ],
        ([], [("ana", CloseReason.APPROVED)]),
    ),
]


@pytest.mark.parametrize(
    ("newer", "requests", "reviews", "expected"),
    [case[1:] for case in SNAPSHOT_CASES],
    ids=[case[0] for case in SNAPSHOT_CASES],
)
def test_a_newer_snapshot(
    newer: AnyFact | None, requests: list[ReviewRequest], reviews: list[LatestReview], expected: Any
) -> None:
    seen = newer.pull_request if newer else snapshot()
    after = apply_snapshot(None, WorkspaceId(1), seen, frozenset())
    assert outcome(change_by_snapshot(after, newer, seen.requested, requests, reviews)) == expected


TIED_CASES: list[tuple[str, AnyFact, list[ReviewRequest], Any]] = [
    ("a tied request opens one", fact("review_requested", reviewer=CHO), [request(ANA)], (["cho"], [])),
    (
        "a request that is stored already changes nothing",
        fact("review_requested", reviewer=ANA),
        [request(ANA)],
        ([], []),
    ),
    (
        "a tied opened does not close what another fact of its second opened",
        fact("opened"),
        [request(ANA)],
        ([], []),
    ),
    (
        "a tied removal closes one",
        fact("review_request_removed", reviewer=ANA),
        [request(ANA), request(CHO)],
        ([], [("ana", CloseReason.REMOVED)]),
    ),
    (
        "a tied merge closes all",
        fact("closed", state=PullRequestState.MERGED),
        [request(ANA)],
        ([], [("ana", CloseReason.MERGED)]),
    ),
    (
        "a tied approval closes one",
        review_fact(ANA, ReviewState.APPROVED, requested=(ANA,)),
        [request(ANA), request(CHO)],
        ([], [("ana", CloseReason.APPROVED)]),
    ),
    (
        "a tied reply closes none",
        review_fact(ANA, ReviewState.COMMENTED, requested=(ANA,)),
        [request(ANA)],
        ([], []),
    ),
    (
        "the author's own review closes none",
        review_fact(BEN, ReviewState.COMMENTED),
        [request(ANA)],
        ([], []),
    ),
]


@pytest.mark.parametrize(
    ("tied", "requests", "expected"), [case[1:] for case in TIED_CASES], ids=[case[0] for case in TIED_CASES]
)
def test_a_tied_fact(tied: AnyFact, requests: list[ReviewRequest], expected: Any) -> None:
    after = apply_tied(pull_request(), tied)
    assert outcome(change_by_action(after, tied, requests)) == expected


def approval(of: Account, at: datetime = NOON) -> LatestReview:
    return LatestReview(
        reviewer_id=of.id, reviewer_login=of.login, state=ReviewState.APPROVED, submitted_at=at
    )


@pytest.mark.parametrize(
    ("decision", "reviews", "needed", "asked_again_at", "enough"),
    [
        (None, [], 1, None, False),
        (None, [approval(CHO)], 1, None, True),
        (None, [approval(CHO)], 2, None, False),
        (ReviewDecision.REVIEW_REQUIRED, [approval(CHO)], 1, None, False),
        (ReviewDecision.APPROVED, [approval(CHO)], 5, None, True),
        (None, [approval(CHO)], 1, LATER, False),
        (
            None,
            [approval(CHO), approval(BEN).model_copy(update={"state": ReviewState.CHANGES_REQUESTED})],
            1,
            None,
            False,
        ),
    ],
)
def test_approved_enough_is_githubs_verdict_or_a_count_without_one(
    decision: ReviewDecision | None,
    reviews: list[LatestReview],
    needed: int,
    asked_again_at: datetime | None,
    enough: bool,
) -> None:
    reviewed = pull_request().model_copy(update={"review_decision": decision})
    mine = request(ANA)
    if asked_again_at is not None:
        mine = request(ANA, is_again=True, opened_at=asked_again_at)
    assert is_approved_enough(mine, reviewed, reviews, needed) is enough


@pytest.mark.parametrize(("approvers", "enough"), [((CHO,), False), ((BEN,), True), ((CHO, BEN), True)])
def test_people_whom_rules_demand_must_be_among_those_who_approve(
    approvers: tuple[Account, ...], enough: bool
) -> None:
    demand = Demand(logins=("ben", "ana"), at_least=1)
    reviews = [approval(person) for person in approvers]
    assert is_approved_enough(request(ANA), pull_request(), reviews, needed=1, demands=[demand]) is enough


def test_the_tokens_of_a_fact_come_from_its_action_not_its_snapshot() -> None:
    assert facts_of(fact("opened", requested=(ANA,))) == frozenset()
    assert facts_of(fact("review_requested", reviewer=ANA)) == {"requested:2"}
    assert facts_of(review_fact(ANA, ReviewState.APPROVED)) == {"reviewed:2"}
