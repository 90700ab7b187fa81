"""Whom to ask for a review. Pure: the same situation always gives the same decision."""

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.assignment.config import RepositoryConfig, Rule
from bot.assignment.model import (
    Candidate,
    Chosen,
    Decision,
    Demand,
    NoAssignment,
    Skipped,
    SkipReason,
    Verdict,
)
from bot.assignment.patterns import CATCH_ALL, first_match
from bot.github.model import ReviewState
from bot.model import AccountId, Value
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest

_NEVER = datetime.min.replace(tzinfo=UTC)


class Situation(Value):
    """All that a choice of reviewers depends on.

    `paths` is None where GitHub would not tell them. `candidates` are all whom the configuration names,
    `requests` all ever made for this pull request, `asked` the accounts that GitHub confirmed to us while its
    webhook is still to come, `reviews` the newest verdict of each person, and `refused` the logins
    (lower case) that GitHub has refused for it.
    """

    pull_request: PullRequest
    config: RepositoryConfig
    paths: tuple[str, ...] | None
    candidates: tuple[Candidate, ...]
    requests: tuple[ReviewRequest, ...] = ()
    asked: frozenset[AccountId] = frozenset()
    reviews: tuple[LatestReview, ...] = ()
    refused: frozenset[str] = frozenset()


def choose_reviewers(situation: Situation) -> Decision:
    """Whom to ask in addition to those who were asked already.

    First each matching rule gets what its `at_least` demands; then each rule without one gets somebody, and
    what is wanted is filled up, as long as fewer are asked than the repository wants. Whoever serves most of
    the rules still open goes first, then the least loaded, then who was asked longest ago, then by login. A
    rule with nobody left turns to its fallback; where nobody at all is found, the repository's fallback is
    asked. Where paths are unknown only rules for every path apply.
    """
    choice = _Choice(situation)
    if not choice.matched and situation.paths is not None:
        none = NoAssignment.NO_RULE_MATCHES if situation.config.rules else NoAssignment.NO_RULES
        return choice.decision(none)
    if choice.is_enough():
        return choice.decision(NoAssignment.ENOUGH_ASKED)
    choice.serve_rules()
    choice.fill()
    return choice.decision(None if choice.chosen else NoAssignment.NOBODY_LEFT)


class _Matched(Value):
    """A rule that applies, and the first pattern that makes it apply. Logins are in lower case."""

    pattern: str
    people: tuple[str, ...]
    fallback: tuple[str, ...]
    at_least: int
    insists: bool


def _match(situation: Situation) -> list[_Matched]:
    matched = []
    for rule in situation.config.rules:
        if (pattern := _pattern_that_applies(rule, situation.paths)) is not None:
            matched.append(
                _Matched(
                    pattern=pattern,
                    people=_lower(rule.people),
                    fallback=_lower(rule.fallback),
                    at_least=1 if rule.at_least is None else rule.at_least,
                    insists=rule.at_least is not None,
                )
            )
    # Those that insist choose first, so that a seat is never taken from them.
    return sorted(matched, key=lambda rule: not rule.insists)


def _pattern_that_applies(rule: Rule, paths: tuple[str, ...] | None) -> str | None:
    if paths is None:
        return next((pattern for pattern in rule.paths if pattern in CATCH_ALL), None)
    return first_match(rule.paths, paths)


def _lower(logins: Iterable[str]) -> tuple[str, ...]:
    return tuple(login.lower() for login in logins)


class _Choice:
    """A decision in the making. People are known by their lower-case login."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.matched = _match(situation)
        self.candidates = {candidate.login.lower(): candidate for candidate in situation.candidates}
        self.same_person = {
            account: min(candidate.account_ids)
            for candidate in situation.candidates
            for account in candidate.account_ids
        }
        self.counted = {self._person(account) for account in _reviewers_so_far(situation)}
        self.chosen: dict[str, Chosen] = {}
        self.uncovered: list[str] = []
        self.considered: dict[str, str] = {}
        for rule in self.matched:
            self._consider(rule.people, rule.pattern)

    def is_enough(self) -> bool:
        """Whether as many are asked as are wanted, and those whom rules insist on among them."""
        return self._is_full() and not any(rule.insists and self._is_open(rule) for rule in self.matched)

    def serve_rules(self) -> None:
        """Every rule gets its people, or its fallback; those that insist may exceed what is wanted."""
        for rule in self.matched:
            while self._is_open(rule) and (rule.insists or not self._is_full()):
                if not (self._take_best(rule.people) or self._take_fallback(rule.fallback, rule.pattern)):
                    self.uncovered.append(rule.pattern)
                    break

    def fill(self) -> None:
        """As many as are wanted from all rules that match; if there is nobody at all, from the fallback."""
        everybody = [login for rule in self.matched for login in rule.people]
        while not self._is_full() and self._take_best(everybody):
            pass
        if not self.chosen and not self.counted:
            fallback = _lower(self.situation.config.fallback)
            while not self._is_full() and self._take_fallback(fallback, ""):
                pass

    def decision(self, reason: NoAssignment | None) -> Decision:
        """What was chosen, and why everybody else was not."""
        enough = reason is NoAssignment.ENOUGH_ASKED
        return Decision(
            head_sha=self.situation.pull_request.head_sha,
            paths=len(self.situation.paths or ()),
            wanted=self.situation.config.reviewers,
            counted=len(self.counted),
            verdicts=() if enough else tuple(self._verdict(login) for login in self.considered),
            reason=reason,
            detail=", ".join(self.uncovered),
            paths_refused=self.situation.paths is None,
            demands=tuple(
                Demand(logins=(*rule.people, *rule.fallback), at_least=rule.at_least)
                for rule in self.matched
                if rule.insists
            ),
        )

    def _is_full(self) -> bool:
        return len(self.counted) + len(self.chosen) >= self.situation.config.reviewers

    def _is_open(self, rule: _Matched) -> bool:
        """Whether a rule still misses somebody."""
        there = {self._person_of(self.candidates[login]) for login in rule.people} & self.counted
        asked = self.chosen.keys() & {*rule.people, *rule.fallback}
        return len(there) + len(asked) < rule.at_least

    def _take_fallback(self, logins: Iterable[str], pattern: str) -> bool:
        self._consider(logins, pattern)
        return self._take_best(logins, is_fallback=True)

    def _take_best(self, logins: Iterable[str], *, is_fallback: bool = False) -> bool:
        """Chooses the best of these who can be asked. Whether there was one."""
        free = [login for login in logins if login not in self.chosen and self._why_not(login) is None]
        if not free:
            return False
        best = min(free, key=self._rank)
        candidate = self.candidates[best]
        assert candidate.account_id is not None  # noqa: S101 - or _why_not would have said UNKNOWN
        self.chosen[best] = Chosen(
            login=candidate.login,
            account_id=candidate.account_id,
            name=candidate.name,
            pattern=self.considered[best],
            is_fallback=is_fallback,
        )
        return True

    def _rank(self, login: str) -> tuple[int, int, datetime, str]:
        candidate = self.candidates[login]
        serves = sum(login in rule.people and self._is_open(rule) for rule in self.matched)
        return -serves, candidate.load, candidate.last_asked_at or _NEVER, login

    def _consider(self, logins: Iterable[str], pattern: str) -> None:
        for login in logins:
            self.considered.setdefault(login, pattern)

    def _verdict(self, login: str) -> Verdict:
        if login in self.chosen:
            return self.chosen[login]
        candidate = self.candidates[login]
        reason = self._why_not(login) or SkipReason.BUSIER
        return Skipped(
            login=candidate.login,
            name=candidate.name,
            pattern=self.considered[login],
            reason=reason,
            until=candidate.away_until if reason is SkipReason.AWAY else None,
            zone=candidate.zone,
        )

    def _why_not(self, login: str) -> SkipReason | None:
        candidate = self.candidates[login]
        if candidate.account_id is None or candidate.person_id is None:
            return SkipReason.UNKNOWN
        twins = {self._person_of(self.candidates[other]) for other in self.chosen if other != login}
        if self._person_of(candidate) in twins:
            return SkipReason.ALREADY_ASKED
        return _history(candidate, self.situation) or _hindrance(candidate, self.situation)

    def _person_of(self, candidate: Candidate) -> AccountId | None:
        return None if candidate.account_id is None else self._person(candidate.account_id)

    def _person(self, account: AccountId) -> AccountId:
        """One account stands for all accounts of a person."""
        return self.same_person.get(account, account)


def _reviewers_so_far(situation: Situation) -> set[AccountId]:
    """Who counts towards what is wanted: is asked now, has answered in this round, or has given a verdict."""
    answers = (CloseReason.APPROVED, CloseReason.CHANGES_REQUESTED, CloseReason.COMMENTED)
    round_ = situation.pull_request.round
    asked = {
        request.reviewer_id
        for request in situation.requests
        if request.closed_at is None or (request.round == round_ and request.close_reason in answers)
    }
    return (
        asked | situation.asked | {review.reviewer_id for review in situation.reviews if _is_verdict(review)}
    )


def _is_verdict(review: LatestReview) -> bool:
    """A comment by somebody who was not asked is no review. A dismissed one was: a push adds nobody."""
    return review.state is not ReviewState.COMMENTED


def _history(candidate: Candidate, situation: Situation) -> SkipReason | None:
    """What already happened between this person and the pull request."""
    pull_request, mine = situation.pull_request, candidate.account_ids
    requests = [request for request in situation.requests if request.reviewer_id in mine]
    ends = {request.close_reason for request in requests}
    this_round = {request.close_reason for request in requests if request.round == pull_request.round}
    reviewed = any(review.reviewer_id in mine and _is_verdict(review) for review in situation.reviews)
    reasons = (
        (pull_request.author.id in mine, SkipReason.AUTHOR),
        (None in ends or not situation.asked.isdisjoint(mine), SkipReason.ALREADY_ASKED),
        (reviewed or CloseReason.COMMENTED in this_round, SkipReason.ALREADY_REVIEWED),
        (CloseReason.REMOVED in ends, SkipReason.REMOVED_BY_HUMAN),
        (bool(this_round), SkipReason.ALREADY_ASKED),
    )
    return _first(reasons)


def _hindrance(candidate: Candidate, situation: Situation) -> SkipReason | None:
    """What keeps this person from reviewing anything now, or GitHub from asking them."""
    cap = candidate.max_open_reviews
    reasons = (
        (candidate.is_bot, SkipReason.BOT),
        (not candidate.is_active, SkipReason.DEACTIVATED),
        (candidate.away_until is not None, SkipReason.AWAY),
        (cap is not None and candidate.load >= cap, SkipReason.AT_CAP),
        (candidate.login.lower() in situation.refused, SkipReason.REFUSED),
    )
    return _first(reasons)


def _first(reasons: Iterable[tuple[bool, SkipReason]]) -> SkipReason | None:
    return next((reason for holds, reason in reasons if holds), None)
