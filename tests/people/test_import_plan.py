"""The changes that an import would make, given the answers of GitHub and Slack."""

from typing import Any

import pytest

from bot.github.model import Account
from bot.model import AccountId
from bot.people.import_plan import (
    CurrentMapping,
    Effect,
    IdentifiedRow,
    ImportPlan,
    SlackProfile,
    plan_import,
)
from bot.people.model import MappedAccount
from bot.people.people_file import Row
from tests.factories import person

NOBODY = CurrentMapping(accounts=(), people=())
ANA = person(slack_user_id="UANA", name="Ana Alves")
HAS_ANA = CurrentMapping(
    accounts=(MappedAccount(id=AccountId(1), login="ana", person_id=ANA.id),), people=(ANA,)
)


def identified(
    login: str, account_id: int = 1, slack: str = "UANA", line: int = 2, **changes: Any
) -> IdentifiedRow:
    row = {key: changes.pop(key) for key in ("name", "zone") if key in changes}
    profile: dict[str, Any] = {"slack_user_id": slack, "name": "Ana Alves", "zone": "Europe/Berlin"}
    return IdentifiedRow(
        row=Row(line=line, login=login, slack_id=slack, **row),
        account=Account(id=AccountId(account_id), login=login),
        profile=SlackProfile(**(profile | changes)),
    )


def plan(*rows: IdentifiedRow, current: CurrentMapping = NOBODY) -> ImportPlan:
    return plan_import(rows, current)


def test_somebody_new_is_added_with_what_slack_says() -> None:
    (mapping,) = plan(identified("ana")).mappings
    assert (mapping.effect, mapping.account_id, mapping.slack_user_id) == (Effect.ADDED, 1, "UANA")
    assert (mapping.name, mapping.zone) == ("Ana Alves", "Europe/Berlin")


def test_the_file_wins_over_slack() -> None:
    (mapping,) = plan(identified("ana", name="Ana A.", zone="Asia/Tokyo")).mappings
    assert (mapping.name, mapping.zone) == ("Ana A.", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("row", "effect", "detail"),
    [
        (identified("ana"), Effect.UNCHANGED, ""),
        (identified("ana", name="Ana A."), Effect.CHANGED, "name was Ana Alves"),
        (identified("ana", zone="Asia/Tokyo"), Effect.CHANGED, "zone was Europe/Berlin"),
        (identified("ana2"), Effect.CHANGED, "was called ana"),
        (identified("ana", slack="UBEN"), Effect.CHANGED, "was mapped to Ana Alves (UANA)"),
        (identified("ana", account_id=9), Effect.ADDED, ""),
    ],
    ids=["the same", "another name", "moved", "renamed on GitHub", "another Slack user", "a second account"],
)
def test_somebody_mapped_already_is(row: IdentifiedRow, effect: Effect, detail: str) -> None:
    (mapping,) = plan(row, current=HAS_ANA).mappings
    assert (mapping.effect, mapping.detail) == (effect, detail)


def test_somebody_who_came_back_is_changed() -> None:
    gone = CurrentMapping(accounts=HAS_ANA.accounts, people=(ANA.model_copy(update={"is_active": False}),))
    (mapping,) = plan(identified("ana"), current=gone).mappings
    assert (mapping.effect, mapping.detail) == (Effect.CHANGED, "was deactivated")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            identified("ana").model_copy(update={"account": None}),
            "github_login: GitHub knows nobody called 'ana'",
        ),
        (identified("ana").model_copy(update={"profile": None}), "slack_id: Slack knows nobody with 'UANA'"),
        (identified("ana", is_active=False), "slack_id: Ana Alves is deactivated in Slack"),
        (identified("ana", is_bot=True), "slack_id: Ana Alves is a bot"),
        (
            identified("x").model_copy(update={"account": Account(id=AccountId(1), login="x", is_bot=True)}),
            "github_login: 'x' is a bot",
        ),
    ],
)
def test_a_row_that_github_or_slack_do_not_know_is_a_problem(row: IdentifiedRow, problem: str) -> None:
    assert list(map(str, plan(row).problems)) == [f"line 2: {problem}"]


def test_a_guest_is_noted() -> None:
    made = plan(identified("ana", is_guest=True))
    assert (made.problems, [note.text for note in made.notes]) == ((), ["Ana Alves is a guest in Slack"])


def test_without_a_usable_zone_utc_is_taken_and_that_is_noted() -> None:
    for zone in (None, "Mars"):
        made = plan(identified("ana").model_copy(update={
            "profile": SlackProfile(slack_user_id="UANA", name="Ana", zone=zone)
        }))  # fmt: skip
        assert (made.mappings[0].zone, len(made.notes)) == ("UTC", 1)


def test_two_logins_of_one_slack_user_are_one_person() -> None:
    made = plan(identified("ana"), identified("ana-work", account_id=2, line=3))
    assert made.problems == ()
    assert {mapping.slack_user_id for mapping in made.mappings} == {"UANA"}


def test_one_person_cannot_have_two_names() -> None:
    made = plan(identified("ana", name="Ana"), identified("ana-work", account_id=2, line=3, name="Anna"))
    assert [str(problem) for problem in made.problems] == [
        "line 3: name: 'Anna' is 'Ana' on line 2: that is one person"
    ]
