"""People who are away, pull requests that are left alone, and decisions in words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Chosen, Decision, NoAssignment, Skipped, SkipReason
from bot.assignment.rules import describe_decision, why_not_assigned
from bot.github.model import Account, PullRequestState
from bot.model import AccountId
from bot.people.model import Person
from tests import factories
from tests.factories import at, leave, pull_request


def person(*absences: tuple[str, str], **changes: Any) -> Person:
    return factories.person(absences=tuple(leave(start, end) for start, end in absences), **changes)


@pytest.mark.parametrize(
    ("absences", "now", "until"),
    [
        ([], "23 10:00", None),
        ([("23 09:00", "23 12:00")], "23 10:00", "23 12:00"),
        ([("23 09:00", "23 12:00")], "23 12:00", None),
        ([("24 08:00", "25 08:00")], "23 10:00", None),
        ([("24 08:00", "25 08:00")], "23 17:00", "25 08:00"),
        ([("28 00:00", "30 00:00")], "27 17:00", None),
        ([("23 09:00", "25 23:00"), ("25 23:00", "28 23:00")], "23 10:00", "28 23:00"),
        ([("23 09:00", "27 23:00"), ("29 23:00", "30 23:00")], "23 10:00", "30 23:00"),
        ([("23 09:00", "24 23:00"), ("23 09:00", "27 23:00")], "23 10:00", "27 23:00"),
        ([("23 09:00", "24 23:00"), ("26 08:00", "27 08:00")], "23 10:00", "24 23:00"),
    ],
    ids=[
        "at work",
        "away now",
        "back at the end",
        "away only tomorrow, at work now",
        "away before the next working minute",
        "away at the weekend only",
        "two absences in a row",
        "two absences with a weekend in between",
        "two at once: the longer",
        "two with working days in between: the first",
    ],
)
def test_somebody_is_away_until(absences: list[tuple[str, str]], now: str, until: str | None) -> None:
    assert person(*absences).away_until(at(now)) == (until and at(until))


def test_somebody_who_never_works_is_not_called_away() -> None:
    assert person(spans={}).away_until(at("23 10:00")) is None


def test_the_current_absence_covers_now() -> None:
    cho = person(("23 09:00", "23 12:00"))
    assert cho.current_absence(at("23 09:00")) == cho.absences[0]
    assert cho.current_absence(at("23 12:00")) is None


BOT = Account(id=AccountId(8), login="dependabot[bot]", is_bot=True)


@pytest.mark.parametrize(
    ("changes", "ignore", "expected"),
    [
        ({}, {}, None),
        ({"state": PullRequestState.MERGED}, {}, (NoAssignment.NOT_OPEN, "merged")),
        ({"is_draft": True}, {}, (NoAssignment.DRAFT, "")),
        ({"is_draft": True}, {"drafts": False}, None),
        ({"labels": frozenset({"WIP", "bug"})}, {"labels": ["wip"]}, (NoAssignment.IGNORED_LABEL, "WIP")),
        ({"labels": frozenset({"wipe"})}, {"labels": ["wip"]}, None),
        ({"author": BOT}, {"authors": ["*[bot]"]}, (NoAssignment.IGNORED_AUTHOR, "*[bot]")),
        ({}, {"authors": ["*[bot]"]}, None),
        ({"title": "wip: x"}, {"titles": ["^WIP"]}, (NoAssignment.IGNORED_TITLE, "^WIP")),
        ({"title": "Not wip"}, {"titles": ["^WIP"]}, None),
        ({"title": "Not wip"}, {"titles": ["WIP"]}, (NoAssignment.IGNORED_TITLE, "WIP")),
    ],
)
def test_a_pull_request_is_left_alone_because(
    changes: dict[str, Any], ignore: dict[str, Any], expected: tuple[NoAssignment, str] | None
) -> None:
    config = RepositoryConfig.model_validate({"ignore": ignore})
    assert why_not_assigned(pull_request(**changes), config) == expected


def decision(**changes: Any) -> Decision:
    fields: dict[str, Any] = {"head_sha": "a1", "paths": 3, "wanted": 2, "counted": 0}
    return Decision(**(fields | changes))


def skipped(reason: SkipReason, until: datetime | None = None) -> Skipped:
    return Skipped(login="cho", name="Cho", pattern="**", reason=reason, until=until, zone="Europe/Berlin")


def asked(pattern: str, *, is_fallback: bool = False) -> Chosen:
    return Chosen(login="ana", account_id=AccountId(1), name="Ana", pattern=pattern, is_fallback=is_fallback)


@pytest.mark.parametrize(
    ("until", "phrase"),
    [
        (at("27 23:00"), "out until Friday"),
        (at("27 13:30"), "out until Friday 14:30"),
        (at("23 23:00"), "out today"),
        (at("23 15:00"), "out until 16:00"),
        (at("24 23:00"), "out until Tuesday"),
        (at("29 23:00"), "out until Sunday"),
        (at("30 23:00"), "out until 30 November"),
        (datetime(2027, 1, 2, 23, tzinfo=UTC), "out until 2 January 2027"),
        (at("19 23:00"), "out until 19 November"),
    ],
)
def test_an_operator_reads_until_when_somebody_is_out_in_their_own_days(until: datetime, phrase: str) -> None:
    lines = describe_decision(decision(verdicts=(skipped(SkipReason.AWAY, until),)), at("23 10:00"))
    assert lines == [f"Cho skipped: {phrase}."]


@pytest.mark.parametrize("reason", SkipReason)
def test_every_reason_has_words(reason: SkipReason) -> None:
    verdict = decision(verdicts=(skipped(reason),))
    assert describe_decision(verdict, at("23"))[0].startswith("Cho skipped: ")


@pytest.mark.parametrize("reason", NoAssignment)
def test_every_way_to_ask_nobody_has_words(reason: NoAssignment) -> None:
    (line,) = describe_decision(decision(reason=reason, detail="x"), at("23"))
    assert line.startswith("Nobody asked: ")


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (decision(verdicts=(asked("billing/**"),)), ["Ana asked: owns billing/**."]),
        (decision(verdicts=(asked("*.sql", is_fallback=True),)), ["Ana asked: fallback for *.sql."]),
        (decision(verdicts=(asked("", is_fallback=True),)), ["Ana asked: the repository's fallback."]),
        (
            decision(verdicts=(asked("**"),), detail="*.sql"),
            ["Ana asked: reviews everything here.", "Nobody is left for *.sql."],
        ),
        (
            decision(reason=NoAssignment.ENOUGH_ASKED, counted=2),
            ["Nobody else asked: 2 of 2 wanted reviewers are there already."],
        ),
        (
            decision(reason=NoAssignment.IGNORED_LABEL, detail="wip"),
            ["Nobody asked: the label 'wip' is ignored."],
        ),
        (
            decision(reason=NoAssignment.NOBODY_LEFT, paths_refused=True),
            [
                "GitHub would not tell which files changed: only rules for every path and fallbacks apply.",
                "Nobody asked: nobody is left to ask.",
            ],
        ),
    ],
)
def test_a_decision_reads(made: Decision, lines: list[str]) -> None:
    assert describe_decision(made, at("23")) == lines
