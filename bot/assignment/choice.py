"""Chooses reviewers. Pure: the same situation always gives the same decision."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.assignment.matching import MatchedRule, Matching
from bot.assignment.model import (
    Candidate,
    Chosen,
    Decision,
    Demand,
    NoAssignment,
    Skipped,
    SkipReason,
    TieBreaker,
    Verdict,
)
from bot.github.model import ReviewState
from bot.model import AccountId, Value
from bot.reviews.model import CloseReason, LatestReview, PullRequest, ReviewRequest

_NEVER = datetime.min.replace(tzinfo=UTC)


class Situation(Value):
    """Everything that a choice of reviewers depends on.

    `matching` holds the rules that apply to the changed files. `candidates` are all the people in the
    configuration, `requests` all requests ever made for this pull request, `asked` the accounts that GitHub
    confirmed and whose webhook has not come yet, `reviews` the newest verdict of each person, and `refused`
    the logins (lower case) that GitHub refused for this pull request.
    """

    pull_request: PullRequest
    matching: Matching
    candidates: tuple[Candidate, ...]
    requests: tuple[ReviewRequest, ...] = ()
    asked: frozenset[AccountId] = frozenset()
    reviews: tuple[LatestReview, ...] = ()
    refused: frozenset[str] = frozenset()


def choose_reviewers(situation: Situation) -> Decision:
    """Decides which people to ask in addition to those who were asked already.

    First each matching rule with `at_least` gets that many people. Then, as long as fewer people are asked
    than the repository wants, each other matching rule gets one person, and people from all matching rules
    fill the rest. The person who serves the most unserved rules goes first, then the one with the fewest open
    reviews, then the one who was asked longest ago, then by login. A rule with nobody left turns to its
    fallback; if nobody at all is found, the repository's fallback is asked. While the paths are unknown, only
    rules for every path apply.
    """
    selection = _Selection(situation)
    matching = situation.matching
    if not matching.rules and matching.paths is not None:
        none = NoAssignment.NO_RULE_MATCHES if matching.config.rules else NoAssignment.NO_RULES
        return selection.decision(none)
    if selection.is_enough():
        return selection.decision(NoAssignment.ENOUGH_ASKED)
    selection.serve_rules()
    selection.fill()
    return selection.decision(None if selection.chosen else NoAssignment.NOBODY_LEFT)


def _lower(logins: Iterable[str]) -> tuple[str, ...]:
    return tuple(login.lower() for login in logins)


_Rank = tuple[int, int, datetime, str]


def _tie_breaker(best: _Rank, other: _Rank) -> TieBreaker:
    return next(name for name, mine, theirs in zip(TieBreaker, best, other, strict=True) if mine != theirs)


class _Seats:
    """The people that a rule wants, of whom some are `taken`."""

    def __init__(self, rule: MatchedRule, taken: int) -> None:
        self.rule = rule
        self.taken = taken
        self.people = frozenset(rule.people)
        self.logins = self.people.union(rule.fallback)

    @property
    def are_open(self) -> bool:
        """Whether the rule still lacks somebody."""
        return self.taken < self.rule.at_least


class _Selection:
    """A decision in the making. The keys of people are their lower-case logins."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.config = situation.matching.config
        self.candidates = {candidate.login.lower(): candidate for candidate in situation.candidates}
        self.same_person = {
            account: min(candidate.account_ids)
            for candidate in situation.candidates
            for account in candidate.account_ids
        }
        self.counted = {self._person(account) for account in _reviewers_so_far(situation)}
        self.chosen: dict[str, Chosen] = {}
        self.chosen_of_person: dict[AccountId | None, str] = {}
        self.why_never: dict[str, SkipReason | None] = {}
        self.uncovered: list[str] = []
        self.considered: dict[str, str] = {}
        self.lost_by: dict[str, TieBreaker] = {}
        self.seats = [_Seats(rule, self._count_asked(rule)) for rule in situation.matching.rules]
        self.seats_of: dict[str, list[_Seats]] = defaultdict(list)
        for seats in self.seats:
            self._consider(seats.rule.people, seats.rule.pattern)
            for login in seats.logins:
                self.seats_of[login].append(seats)

    def is_enough(self) -> bool:
        """Whether enough people are asked, and every rule that insists has its people."""
        return self._is_full() and not any(seats.rule.insists and seats.are_open for seats in self.seats)

    def serve_rules(self) -> None:
        """Gives every rule its people, or its fallback. Rules that insist may exceed the wanted number."""
        for seats in self.seats:
            rule = seats.rule
            while seats.are_open and (rule.insists or not self._is_full()):
                if not (self._take_best(rule.people) or self._take_fallback(rule.fallback, rule.pattern)):
                    self.uncovered.append(rule.pattern)
                    break

    def fill(self) -> None:
        """Fills up to the wanted number from all matching rules; without anybody, from the fallback."""
        everybody = dict.fromkeys(login for seats in self.seats for login in seats.rule.people)
        while not self._is_full() and self._take_best(everybody):
            pass
        if not self.chosen and not self.counted:
            fallback = _lower(self.config.fallback)
            while not self._is_full() and self._take_fallback(fallback, ""):
                pass

    def decision(self, reason: NoAssignment | None) -> Decision:
        """Everybody who was chosen, and why everybody else was not."""
        enough = reason is NoAssignment.ENOUGH_ASKED
        return Decision(
            head_sha=self.situation.pull_request.head_sha,
            paths=self.situation.matching.paths or 0,
            wanted=self.config.reviewers,
            counted=len(self.counted),
            verdicts=() if enough else tuple(self._verdict(login) for login in self.considered),
            reason=reason,
            detail=", ".join(self.uncovered),
            paths_refused=self.situation.matching.paths is None,
            demands=tuple(
                Demand(logins=(*rule.people, *rule.fallback), at_least=rule.at_least)
                for rule in self.situation.matching.rules
                if rule.insists
            ),
        )

    def _is_full(self) -> bool:
        return len(self.counted) + len(self.chosen) >= self.config.reviewers

    def _count_asked(self, rule: MatchedRule) -> int:
        """How many of a rule's people were asked already."""
        if not self.counted:
            return 0
        return len({self._person_of(self.candidates[login]) for login in rule.people} & self.counted)

    def _take_fallback(self, logins: Iterable[str], pattern: str) -> bool:
        self._consider(logins, pattern)
        return self._take_best(logins, is_fallback=True)

    def _take_best(self, logins: Iterable[str], *, is_fallback: bool = False) -> bool:
        """Chooses the best of these people who can be asked. Returns whether there was one."""
        free = [login for login in logins if login not in self.chosen and self._why_not(login) is None]
        if not free:
            return False
        ranks = {login: self._rank(login) for login in free}
        best = min(free, key=ranks.__getitem__)
        self.lost_by |= {login: _tie_breaker(ranks[best], ranks[login]) for login in free if login != best}
        candidate = self.candidates[best]
        assert candidate.account_id is not None  # noqa: S101 - or _why_not would have said UNKNOWN
        self.chosen[best] = Chosen(
            login=candidate.login,
            account_id=candidate.account_id,
            name=candidate.name,
            pattern=self.considered[best],
            is_fallback=is_fallback,
        )
        self.chosen_of_person[self._person_of(candidate)] = best
        for seats in self.seats_of[best]:
            seats.taken += 1
        return True

    def _rank(self, login: str) -> _Rank:
        """One part for each TieBreaker."""
        candidate = self.candidates[login]
        serves = sum(login in seats.people and seats.are_open for seats in self.seats_of[login])
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
            lost_by=self.lost_by.get(login) if reason is SkipReason.BUSIER else None,
        )

    def _why_not(self, login: str) -> SkipReason | None:
        candidate = self.candidates[login]
        if candidate.account_id is None or candidate.person_id is None:
            return SkipReason.UNKNOWN
        if self.chosen_of_person.get(self._person_of(candidate), login) != login:
            return SkipReason.ALREADY_ASKED
        if login not in self.why_never:
            self.why_never[login] = _history(candidate, self.situation) or _hindrance(
                candidate, self.situation
            )
        return self.why_never[login]

    def _person_of(self, candidate: Candidate) -> AccountId | None:
        return None if candidate.account_id is None else self._person(candidate.account_id)

    def _person(self, account: AccountId) -> AccountId:
        """The account that stands for all accounts of this person."""
        return self.same_person.get(account, account)


def _reviewers_so_far(situation: Situation) -> set[AccountId]:
    """The reviewers who count: asked now, or have answered in this round, or have given a verdict."""
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
    """A comment by somebody who was not asked is no verdict. A dismissed review is, so a push adds nobody."""
    return review.state is not ReviewState.COMMENTED


def _history(candidate: Candidate, situation: Situation) -> SkipReason | None:
    """Why this person is not asked because of their history with the pull request."""
    pull_request, mine = situation.pull_request, candidate.account_ids
    if not (situation.requests or situation.asked or situation.reviews):
        return SkipReason.AUTHOR if pull_request.author.id in mine else None
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
    return next((reason for holds, reason in reasons if holds), None)


def _hindrance(candidate: Candidate, situation: Situation) -> SkipReason | None:
    """Why this person cannot review anything now, or GitHub refuses to ask them."""
    cap = candidate.max_open_reviews
    if candidate.is_bot:
        return SkipReason.BOT
    if not candidate.is_active:
        return SkipReason.DEACTIVATED
    if candidate.away_until is not None:
        return SkipReason.AWAY
    if cap is not None and candidate.load >= cap:
        return SkipReason.AT_CAP
    return SkipReason.REFUSED if candidate.login.lower() in situation.refused else None
