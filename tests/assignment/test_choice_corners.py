"""The choice of reviewers in the corners: earlier reviews and requests, two logins of a person, fallbacks."""

from typing import Any

import pytest

from bot.assignment.model import NoAssignment, Skipped, SkipReason
from bot.github.model import ReviewState
from bot.model import AccountId
from bot.reviews.model import CloseReason
from tests.assignment.test_choice import (
    AWAY,
    BILLING,
    EVERYTHING,
    OUT,
    TWINS,
    asked,
    decide,
    reason_for,
    request,
    review,
)


@pytest.mark.parametrize(
    ("so_far", "reason"),
    [
        ({"requests": (request("ana", CloseReason.COMMENTED),)}, SkipReason.ALREADY_REVIEWED),
        ({"reviews": (review("ana", ReviewState.APPROVED),)}, SkipReason.ALREADY_REVIEWED),
        ({"reviews": (review("ana", ReviewState.DISMISSED),)}, SkipReason.ALREADY_REVIEWED),
        ({"asked": frozenset({AccountId(1)})}, SkipReason.ALREADY_ASKED),
        ({"requests": (request("ana"),), "round_": 2}, SkipReason.ALREADY_ASKED),
        ({"requests": (request("ana"),), "people": {"ana": AWAY}}, SkipReason.ALREADY_ASKED),
    ],
    ids=[
        "answered with a comment",
        "approved",
        "dismissed by a push",
        "asked, webhook to come",
        "asked before it was reopened, still open",
        "asked, then away",
    ],
)
def test_who_is_there_is_not_asked_again_when_more_are_wanted(
    so_far: dict[str, Any], reason: SkipReason
) -> None:
    decision = decide([BILLING], ["a.sql"], reviewers=2, **so_far)
    assert (asked(decision), decision.counted) == (["ben"], 1)
    assert reason_for(decision, "ana") is reason


@pytest.mark.parametrize(
    "so_far",
    [
        {"reviews": (review("ana", ReviewState.COMMENTED),)},
        {"requests": (request("ana", CloseReason.COMMENTED),), "round_": 2},
    ],
    ids=["commented without being asked", "commented before it was reopened"],
)
def test_who_only_commented_may_be_asked(so_far: dict[str, Any]) -> None:
    assert asked(decide([BILLING], ["a.sql"], **so_far)) == ["ana"]


def test_who_wants_changes_counts() -> None:
    so_far = (request("fay", CloseReason.CHANGES_REQUESTED),)
    assert decide([BILLING], ["a.sql"], requests=so_far).reason is NoAssignment.ENOUGH_ASKED


@pytest.mark.parametrize(
    ("so_far", "reason"),
    [
        ({"requests": (request("ana", CloseReason.REMOVED),)}, SkipReason.REMOVED_BY_HUMAN),
        ({"reviews": (review("ana", ReviewState.APPROVED),)}, SkipReason.ALREADY_REVIEWED),
        ({"requests": (request("ana"),)}, SkipReason.ALREADY_ASKED),
    ],
)
def test_what_happened_to_one_login_of_a_person_holds_for_the_other(
    so_far: dict[str, Any], reason: SkipReason
) -> None:
    decision = decide([BILLING], ["a.sql"], reviewers=2, people=TWINS, **so_far)
    assert asked(decision) == []
    assert reason_for(decision, "ben") is reason


def test_a_rule_that_insists_on_one_login_has_who_was_asked_on_the_other() -> None:
    bens = {"paths": ["*.sql"], "people": ["ben"], "at_least": 1}
    decision = decide([bens, EVERYTHING], ["a.sql"], people=TWINS, requests=(request("ana"),))
    assert (asked(decision), decision.reason) == ([], NoAssignment.ENOUGH_ASKED)


def test_an_account_that_belongs_to_nobody_is_not_asked() -> None:
    decision = decide([BILLING], ["a.sql"], people={"ana": {"person_id": None}})
    assert asked(decision) == ["ben"]
    assert reason_for(decision, "ana") is SkipReason.UNKNOWN


def test_logins_are_the_same_in_any_case() -> None:
    shouting = {"paths": ["*.sql"], "people": ["ANA", "Ben"], "fallback": ["Fay"]}
    assert asked(decide([shouting], ["a.sql"])) == ["ana"]
    assert asked(decide([shouting], ["a.sql"], people=OUT)) == ["fay"]
    assert asked(decide([BILLING], ["a.sql"], people=OUT, fallback=("Fay",))) == ["fay"]
    refused = decide([BILLING], ["a.sql"], people={"ana": {"login": "Ana"}}, refused=frozenset({"ana"}))
    assert asked(refused) == ["ben"]


def test_a_rule_that_has_somebody_already_gives_nobody_precedence() -> None:
    rules = [
        {"paths": ["*.sql"], "people": ["ana", "ben"]},
        {"paths": ["**"], "people": ["ana", "ben", "cho"]},
    ]
    decision = decide(rules, ["a.sql"], reviewers=2, people={"ben": {"load": 1}})
    assert asked(decision) == ["ana", "cho"]


def test_an_insisting_rule_takes_one_fallback_for_one_who_is_missing() -> None:
    rule = {**BILLING, "at_least": 1, "fallback": ["eli", "fay"]}
    assert asked(decide([rule], ["a.sql"], people=OUT)) == ["eli"]
    both = {**rule, "at_least": 2}
    assert asked(decide([both], ["a.sql"], people={"ana": AWAY})) == ["ben", "eli"]


@pytest.mark.parametrize(("reviewers", "expected"), [(1, ["eli"]), (2, ["eli", "fay"])])
def test_the_fallback_of_the_repository_gives_as_many_as_are_wanted(
    reviewers: int, expected: list[str]
) -> None:
    decision = decide([BILLING], ["a.sql"], people=OUT, fallback=("eli", "fay"), reviewers=reviewers)
    assert asked(decision) == expected


def test_the_fallback_of_the_repository_is_not_for_filling_up() -> None:
    decision = decide([BILLING], ["a.sql"], people={"ben": AWAY}, fallback=("fay",), reviewers=2)
    assert asked(decision) == ["ana"]


def test_who_is_named_twice_is_asked_for_the_first_pattern() -> None:
    rules = [BILLING, {"paths": ["**"], "people": ["ana"]}]
    assert [chosen.pattern for chosen in decide(rules, ["a.sql"]).chosen] == ["*.sql"]


def test_a_decision_keeps_what_it_was_made_from() -> None:
    tokyo = {"ana": {**AWAY, "zone": "Asia/Tokyo"}}
    decision = decide([BILLING], ["a.sql", "b.sql"], reviewers=2, people=tokyo)
    assert (decision.wanted, decision.counted, decision.paths) == (2, 0, 2)
    assert decision.head_sha == "a1"
    (skipped,) = (verdict for verdict in decision.verdicts if isinstance(verdict, Skipped))
    assert (skipped.login, skipped.zone) == ("ana", "Asia/Tokyo")


def test_where_enough_are_asked_nobody_is_judged() -> None:
    assert decide([BILLING], ["a.sql"], requests=(request("ana"),)).verdicts == ()
