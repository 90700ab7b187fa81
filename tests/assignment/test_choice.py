"""The choice of reviewers, in tables and a few laws. Nothing is stored."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.assignment.choice import Situation, choose_reviewers
from bot.assignment.config import RepositoryConfig
from bot.assignment.matching import match_rules
from bot.assignment.model import Candidate, Decision, NoAssignment, Skipped, SkipReason, TieBreaker
from bot.github.model import Account, ReviewState
from bot.model import AccountId, PersonId, RequestId
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest
from tests import factories

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
IDS = {"ana": 1, "ben": 2, "cho": 3, "dev": 4, "eli": 5, "fay": 6}
BILLING = {"paths": ["billing/**", "*.sql"], "people": ["ana", "ben"]}
EVERYTHING = {"paths": ["**"], "people": ["cho", "dev", "eli"]}


def pull_request(author: str, round_: int = 1) -> PullRequest:
    by = Account(id=AccountId(IDS.get(author, 99)), login=author)
    return factories.pull_request(author=by, created_at=NOW, updated_at=NOW, round=round_)


def request(login: str, ended: CloseReason | None = None, round_: int = 1) -> ReviewRequest:
    return factories.request(
        id=RequestId(IDS[login]), reviewer_id=AccountId(IDS[login]), reviewer_login=login, requested_by=None,
        round=round_, opened_at=NOW, closed_at=NOW if ended else None, close_reason=ended,
    )  # fmt: skip


def review(login: str, state: ReviewState) -> LatestReview:
    return LatestReview(
        reviewer_id=AccountId(IDS[login]), reviewer_login=login, state=state, submitted_at=NOW
    )


def candidate(login: str, /, **changes: Any) -> Candidate:
    account = AccountId(IDS[login])
    fields: dict[str, Any] = {
        "login": login, "account_id": account, "person_id": PersonId(IDS[login]), "name": login.title(),
        "account_ids": frozenset({account}),
    }  # fmt: skip
    return Candidate(**(fields | changes))


def decide(
    rules: list[dict[str, Any]],
    paths: list[str] | None,
    *,
    reviewers: int = 1,
    fallback: tuple[str, ...] = (),
    author: str = "zoe",
    round_: int = 1,
    people: dict[str, dict[str, Any]] | None = None,
    **situation: Any,
) -> Decision:
    """A decision; `people` changes candidates by login."""
    config = RepositoryConfig.model_validate({"reviewers": reviewers, "rules": rules, "fallback": fallback})
    return choose_reviewers(
        Situation(
            pull_request=pull_request(author, round_),
            matching=match_rules(config, None if paths is None else tuple(paths)),
            candidates=tuple(candidate(login, **(people or {}).get(login, {})) for login in IDS),
            **situation,
        )
    )


def asked(decision: Decision) -> list[str]:
    return [chosen.login for chosen in decision.chosen]


def reason_for(decision: Decision, login: str) -> SkipReason | None:
    verdict = next((verdict for verdict in decision.verdicts if verdict.login == login), None)
    return verdict.reason if isinstance(verdict, Skipped) else None


AWAY: dict[str, Any] = {"away_until": NOW}
ANA_ONLY: dict[str, Any] = {"paths": ["docs/**"], "people": ["ana"]}


@pytest.mark.parametrize(
    ("reviewers", "paths", "people", "expected"),
    [
        (1, ["billing/a.py"], {}, ["ana"]),
        (1, ["db/a.sql"], {"ana": AWAY}, ["ben"]),
        (1, ["web/a.ts"], {}, ["cho"]),
        (2, ["billing/a.py"], {}, ["ana", "cho"]),
        (2, ["web/a.ts"], {}, ["cho", "dev"]),
        (3, ["billing/a.py"], {}, ["ana", "ben", "cho"]),
        (2, ["billing/a.py"], {"ana": {"load": 1}}, ["ben", "cho"]),
        (2, ["web/a.ts"], {"cho": {"load": 2}, "dev": {"load": 1}}, ["dev", "eli"]),
        (1, ["web/a.ts"], {"cho": {"last_asked_at": NOW}}, ["dev"]),
        (9, ["web/a.ts"], {}, ["cho", "dev", "eli"]),
    ],
    ids=[
        "the owner of the files",
        "another owner, if the first is away",
        "a rule for everything",
        "somebody of each rule that matches",
        "as many as are wanted",
        "filled up from all rules",
        "the least loaded",
        "the two least loaded",
        "not the one just asked",
        "never more than there are",
    ],
)
def test_reviewers_are_chosen(
    reviewers: int, paths: list[str], people: dict[str, dict[str, Any]], expected: list[str]
) -> None:
    assert asked(decide([BILLING, EVERYTHING], paths, reviewers=reviewers, people=people)) == expected


def test_one_person_who_serves_two_rules_is_asked_before_two_who_serve_one_each() -> None:
    rules = [BILLING, {"paths": ["*.py"], "people": ["cho", "ben"]}]
    busy_ben = {"ben": {"load": 9}}
    assert asked(decide(rules, ["billing/a.py"], reviewers=2, people=busy_ben)) == ["ana", "ben"]
    assert asked(decide(rules, ["billing/a.py"], reviewers=1, people=busy_ben)) == ["ben"]


def test_a_rule_that_insists_may_exceed_what_is_wanted() -> None:
    both = {**BILLING, "at_least": 2}
    assert asked(decide([EVERYTHING, both], ["billing/a.py"])) == ["ana", "ben"]


def test_a_rule_that_insists_on_nobody_is_only_drawn_on_to_fill_up() -> None:
    optional = {**BILLING, "at_least": 0}
    assert asked(decide([optional, EVERYTHING], ["billing/a.py"], people={"ana": AWAY, "ben": AWAY})) == [
        "cho"
    ]


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        ({"author": "ana"}, SkipReason.AUTHOR),
        ({"people": {"ana": {"is_bot": True}}}, SkipReason.BOT),
        ({"people": {"ana": AWAY}}, SkipReason.AWAY),
        ({"people": {"ana": {"is_active": False}}}, SkipReason.DEACTIVATED),
        ({"people": {"ana": {"load": 3, "max_open_reviews": 3}}}, SkipReason.AT_CAP),
        ({"people": {"ana": {"account_id": None, "person_id": None}}}, SkipReason.UNKNOWN),
        ({"refused": frozenset({"ana"})}, SkipReason.REFUSED),
        ({"requests": (request("ana", CloseReason.REMOVED),)}, SkipReason.REMOVED_BY_HUMAN),
        ({"requests": (request("ana", CloseReason.UNASSIGNED),)}, SkipReason.ALREADY_ASKED),
    ],
)
def test_the_next_one_is_asked_and_the_reason_is_kept(situation: dict[str, Any], reason: SkipReason) -> None:
    decision = decide([BILLING], ["billing/a.py"], **situation)
    assert asked(decision) == ["ben"]
    assert reason_for(decision, "ana") is reason


def test_somebody_below_their_cap_is_asked() -> None:
    assert asked(decide([BILLING], ["a.sql"], people={"ana": {"max_open_reviews": 1}})) == ["ana"]


def test_somebody_who_is_not_needed_is_skipped_as_busier() -> None:
    assert reason_for(decide([BILLING], ["a.sql"]), "ben") is SkipReason.BUSIER


@pytest.mark.parametrize(
    ("rules", "paths", "people", "decisive"),
    [
        ([BILLING], ["a.sql"], {}, TieBreaker.LOGIN),
        ([BILLING], ["a.sql"], {"ben": {"load": 1}}, TieBreaker.FEWER_REVIEWS),
        ([BILLING], ["a.sql"], {"ben": {"last_asked_at": NOW}}, TieBreaker.ASKED_LONGER_AGO),
        ([BILLING, ANA_ONLY], ["a.sql", "docs/a.md"], {"ana": {"load": 5}}, TieBreaker.MORE_RULES),
    ],
)
def test_the_tie_breaker_that_decided_is_kept(
    rules: list[dict[str, Any]],
    paths: list[str],
    people: dict[str, dict[str, Any]],
    decisive: TieBreaker,
) -> None:
    decision = decide(rules, paths, people=people)
    assert asked(decision) == ["ana"]
    (skipped,) = [verdict for verdict in decision.verdicts if verdict.login == "ben"]
    assert isinstance(skipped, Skipped)
    assert (skipped.reason, skipped.lost_by) == (SkipReason.BUSIER, decisive)


def test_when_somebody_is_back_is_kept_only_where_that_is_the_reason() -> None:
    decision = decide([BILLING], ["a.sql"], people={"ana": AWAY, "ben": AWAY}, author="ben")
    assert [verdict.until for verdict in decision.verdicts if isinstance(verdict, Skipped)] == [NOW, None]


@pytest.mark.parametrize(
    "so_far",
    [
        {"requests": (request("ana"),)},
        {"requests": (request("fay"),)},
        {"requests": (request("ana", CloseReason.APPROVED),)},
        {"requests": (request("ana", CloseReason.COMMENTED),)},
        {"asked": frozenset({AccountId(1)})},
        {"reviews": (review("fay", ReviewState.APPROVED),)},
        {"reviews": (review("ana", ReviewState.DISMISSED),)},
    ],
    ids=[
        "asked by a rule or CODEOWNERS",
        "asked by hand, named by no rule",
        "approved",
        "answered with a comment",
        "confirmed by GitHub, webhook to come",
        "approved without being asked",
        "approved, then dismissed by a push",
    ],
)
def test_who_is_there_already_counts(so_far: dict[str, Any]) -> None:
    decision = decide([BILLING], ["a.sql"], **so_far)
    assert (decision.reason, decision.counted, asked(decision)) == (NoAssignment.ENOUGH_ASKED, 1, [])


@pytest.mark.parametrize(
    "so_far",
    [
        {"reviews": (review("fay", ReviewState.COMMENTED),)},
        {"requests": (request("fay", CloseReason.REMOVED),)},
        {"requests": (request("fay", CloseReason.UNASSIGNED),)},
        {"requests": (request("fay", CloseReason.CLOSED),), "round_": 2},
        {"requests": (request("fay", CloseReason.COMMENTED),), "round_": 2},
    ],
    ids=[
        "commented without being asked",
        "taken back",
        "vanished",
        "asked before it was reopened",
        "commented before it was reopened",
    ],
)
def test_who_is_not_there_any_more_does_not_count(so_far: dict[str, Any]) -> None:
    assert asked(decide([BILLING], ["a.sql"], **so_far)) == ["ana"]


def test_a_decision_remembers_whose_approval_its_rules_insist_on() -> None:
    insisting = {**BILLING, "at_least": 1, "fallback": ["Eli"]}
    (demand,) = decide([insisting, EVERYTHING], ["a.sql"]).demands
    assert demand.at_least == 1
    assert set(demand.logins) == {"ana", "ben", "eli"}
    assert decide([insisting, EVERYTHING], ["web/a.ts"]).demands == ()
    assert decide([BILLING], ["a.sql"]).demands == ()


def test_only_what_is_missing_is_added() -> None:
    decision = decide([BILLING, EVERYTHING], ["a.sql"], reviewers=2, requests=(request("ana"),))
    assert asked(decision) == ["cho"]
    assert reason_for(decision, "ana") is SkipReason.ALREADY_ASKED


def test_a_push_adds_for_newly_matched_files_what_their_rule_insists_on() -> None:
    insisting = {**BILLING, "at_least": 1}
    there = (request("cho"),)
    assert asked(decide([insisting, EVERYTHING], ["web/a.ts"], requests=there)) == []
    assert asked(decide([insisting, EVERYTHING], ["web/a.ts", "a.sql"], requests=there)) == ["ana"]


def test_a_reopened_pull_request_may_ask_again_whom_it_asked_before() -> None:
    before = (request("ana", CloseReason.CLOSED),)
    assert asked(decide([BILLING], ["a.sql"], requests=before, round_=2)) == ["ana"]


def test_whom_a_human_removed_stays_out_after_a_reopening() -> None:
    before = (request("ana", CloseReason.REMOVED),)
    assert asked(decide([BILLING], ["a.sql"], requests=before, round_=2)) == ["ben"]


TWINS: dict[str, dict[str, Any]] = {
    "ana": {"account_ids": frozenset({AccountId(1), AccountId(2)})},
    "ben": {"account_ids": frozenset({AccountId(1), AccountId(2)}), "person_id": PersonId(1)},
}


def test_one_person_with_two_logins_is_asked_once() -> None:
    decision = decide([BILLING], ["a.sql"], reviewers=2, people=TWINS)
    assert asked(decision) == ["ana"]
    assert reason_for(decision, "ben") is SkipReason.ALREADY_ASKED


def test_an_author_is_not_asked_on_their_other_account() -> None:
    decision = decide([BILLING], ["a.sql"], author="ben", people=TWINS)
    assert (asked(decision), decision.reason) == ([], NoAssignment.NOBODY_LEFT)


def test_a_person_asked_on_two_accounts_counts_once() -> None:
    both = (request("ana"), request("ben"))
    assert decide([BILLING, EVERYTHING], ["a.sql"], reviewers=2, people=TWINS, requests=both).counted == 1


OUT: dict[str, dict[str, Any]] = {"ana": AWAY, "ben": AWAY}


def test_a_rule_without_anybody_left_turns_to_its_fallback() -> None:
    rules = [{**BILLING, "fallback": ["fay", "eli"]}]
    decision = decide(rules, ["a.sql"], people={**OUT, "eli": {"load": 1}})
    (fay,) = decision.chosen
    assert (fay.login, fay.pattern, fay.is_fallback) == ("fay", "*.sql", True)
    assert reason_for(decision, "eli") is SkipReason.BUSIER


def test_a_fallback_is_not_considered_while_others_are_left() -> None:
    decision = decide([{**BILLING, "fallback": ["fay"]}], ["a.sql"])
    assert [verdict.login for verdict in decision.verdicts] == ["ana", "ben"]


def test_a_fallback_who_is_away_is_skipped_too() -> None:
    decision = decide([{**BILLING, "fallback": ["fay"]}], ["a.sql"], people={**OUT, "fay": AWAY})
    assert decision.reason is NoAssignment.NOBODY_LEFT
    assert reason_for(decision, "fay") is SkipReason.AWAY


def test_if_nobody_at_all_is_found_the_fallback_of_the_repository_is_asked() -> None:
    decision = decide([BILLING], ["a.sql"], people=OUT, fallback=("fay",))
    assert (asked(decision), decision.chosen[0].pattern) == (["fay"], "")


def test_with_somebody_there_the_fallback_of_the_repository_is_left_alone() -> None:
    decision = decide(
        [BILLING], ["a.sql"], people=OUT, fallback=("fay",), reviewers=2, requests=(request("eli"),)
    )
    assert (asked(decision), decision.reason) == ([], NoAssignment.NOBODY_LEFT)


def test_a_rule_that_nobody_is_left_for_is_named_though_others_are_asked() -> None:
    decision = decide([BILLING, EVERYTHING], ["billing/a.py"], reviewers=2, people=OUT)
    assert (asked(decision), decision.reason, decision.detail) == (["cho", "dev"], None, "billing/**")


@pytest.mark.parametrize(
    ("rules", "paths", "reason"),
    [
        ([], ["a.sql"], NoAssignment.NO_RULES),
        ([BILLING], ["web/a.ts"], NoAssignment.NO_RULE_MATCHES),
        ([BILLING], [], NoAssignment.NO_RULE_MATCHES),
    ],
)
def test_nobody_is_asked_where_no_rule_applies(
    rules: list[dict[str, Any]], paths: list[str], reason: NoAssignment
) -> None:
    decision = decide(rules, paths, fallback=("fay",))
    assert (decision.chosen, decision.reason) == ((), reason)


def test_without_paths_only_rules_for_every_path_apply() -> None:
    decision = decide([BILLING, EVERYTHING], None)
    assert (asked(decision), decision.paths_refused) == (["cho"], True)


def test_without_paths_and_such_rules_the_fallback_is_asked() -> None:
    assert asked(decide([BILLING], None, fallback=("fay",))) == ["fay"]
    assert decide([BILLING], None).reason is NoAssignment.NOBODY_LEFT


@given(
    reviewers=st.integers(1, 4),
    at_least=st.integers(0, 3) | st.none(),
    away=st.sets(st.sampled_from(sorted(IDS))),
    loads=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    there=st.sets(st.sampled_from(sorted(IDS)), max_size=3),
    author=st.sampled_from(sorted(IDS)),
)
def test_whatever_the_situation_nobody_is_asked_who_cannot_be_and_it_settles(
    reviewers: int, at_least: int | None, away: set[str], loads: list[int], there: set[str], author: str
) -> None:
    rules = [{**BILLING, "at_least": at_least} if at_least is not None else BILLING, EVERYTHING]
    people = {
        login: {"load": load, "away_until": NOW if login in away else None}
        for login, load in zip(IDS, loads, strict=True)
    }
    so_far = tuple(request(login) for login in there - {author})
    decision = decide(rules, ["a.sql"], reviewers=reviewers, author=author, people=people, requests=so_far)
    chosen = asked(decision)
    assert len(chosen) == len(set(chosen))
    assert not {*chosen} & (away | there | {author})
    assert len(chosen) <= max(reviewers, (at_least or 0) + reviewers)
    names = [verdict.login for verdict in decision.verdicts]
    assert len(names) == len(set(names))
    # The choice is enough: another look, after they were asked, adds nobody.
    after = (*so_far, *(request(login) for login in chosen))
    again = decide(rules, ["a.sql"], reviewers=reviewers, author=author, people=people, requests=after)
    assert asked(again) == []
