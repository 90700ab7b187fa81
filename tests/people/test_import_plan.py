"""What an import would change, given what GitHub and Slack say."""

from typing import Any

import pytest

from bot.github.model import Account
from bot.model import AccountId, PersonId, WorkspaceId
from bot.people.import_plan import Effect, Found, ImportPlan, Known, SlackProfile, plan_import
from bot.people.model import MappedAccount, Person
from bot.people.people_file import Row

NOBODY = Known(accounts=(), people=())
ANA = Person(
    id=PersonId(1), workspace_id=WorkspaceId(1), slack_user_id="UANA", name="Ana Alves", zone="Europe/Berlin"
)
KNOWS_ANA = Known(accounts=(MappedAccount(id=AccountId(1), login="ana", person_id=ANA.id),), people=(ANA,))


def found(login: str, account_id: int = 1, slack: str = "UANA", line: int = 2, **changes: Any) -> Found:
    row = {key: changes.pop(key) for key in ("name", "zone") if key in changes}
    profile: dict[str, Any] = {"slack_user_id": slack, "name": "Ana Alves", "zone": "Europe/Berlin"}
    return Found(
        row=Row(line=line, login=login, slack_id=slack, **row),
        account=Account(id=AccountId(account_id), login=login),
        profile=SlackProfile(**(profile | changes)),
    )


def plan(*rows: Found, known: Known = NOBODY) -> ImportPlan:
    return plan_import(rows, known)


def test_somebody_new_is_added_with_what_slack_says() -> None:
    (step,) = plan(found("ana")).steps
    assert (step.effect, step.account_id, step.slack_user_id) == (Effect.ADDED, 1, "UANA")
    assert (step.name, step.zone) == ("Ana Alves", "Europe/Berlin")


def test_the_file_wins_over_slack() -> None:
    (step,) = plan(found("ana", name="Ana A.", zone="Asia/Tokyo")).steps
    assert (step.name, step.zone) == ("Ana A.", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("row", "effect", "detail"),
    [
        (found("ana"), Effect.UNCHANGED, ""),
        (found("ana", name="Ana A."), Effect.CHANGED, "name was Ana Alves"),
        (found("ana", zone="Asia/Tokyo"), Effect.CHANGED, "zone was Europe/Berlin"),
        (found("ana2"), Effect.CHANGED, "was called ana"),
        (found("ana", slack="UBEN"), Effect.CHANGED, "was mapped to Ana Alves (UANA)"),
        (found("ana", account_id=9), Effect.ADDED, ""),
    ],
    ids=["the same", "another name", "moved", "renamed on GitHub", "another Slack user", "a second account"],
)
def test_somebody_mapped_already_is(row: Found, effect: Effect, detail: str) -> None:
    (step,) = plan(row, known=KNOWS_ANA).steps
    assert (step.effect, step.detail) == (effect, detail)


def test_somebody_who_came_back_is_changed() -> None:
    gone = Known(accounts=KNOWS_ANA.accounts, people=(ANA.model_copy(update={"is_active": False}),))
    (step,) = plan(found("ana"), known=gone).steps
    assert (step.effect, step.detail) == (Effect.CHANGED, "was deactivated")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (found("ana").model_copy(update={"account": None}), "github_login: GitHub knows nobody called 'ana'"),
        (found("ana").model_copy(update={"profile": None}), "slack_id: Slack knows nobody with 'UANA'"),
        (found("ana", is_active=False), "slack_id: Ana Alves is deactivated in Slack"),
        (found("ana", is_bot=True), "slack_id: Ana Alves is a bot"),
        (
            found("x").model_copy(update={"account": Account(id=AccountId(1), login="x", is_bot=True)}),
            "github_login: 'x' is a bot",
        ),
    ],
)
def test_whom_github_or_slack_do_not_know_is_a_problem(row: Found, problem: str) -> None:
    assert [str(one) for one in plan(row).problems] == [f"line 2: {problem}"]


def test_a_guest_is_noted() -> None:
    made = plan(found("ana", is_guest=True))
    assert (made.problems, [note.text for note in made.notes]) == ((), ["Ana Alves is a guest in Slack"])


def test_without_a_usable_zone_utc_is_taken_and_that_is_noted() -> None:
    for zone in (None, "Mars"):
        made = plan(found("ana").model_copy(update={
            "profile": SlackProfile(slack_user_id="UANA", name="Ana", zone=zone)
        }))  # fmt: skip
        assert (made.steps[0].zone, len(made.notes)) == ("UTC", 1)


def test_two_logins_of_one_slack_user_are_one_person() -> None:
    made = plan(found("ana"), found("ana-work", account_id=2, line=3))
    assert made.problems == ()
    assert {step.slack_user_id for step in made.steps} == {"UANA"}


def test_one_person_cannot_have_two_names() -> None:
    made = plan(found("ana", name="Ana"), found("ana-work", account_id=2, line=3, name="Anna"))
    assert [str(problem) for problem in made.problems] == [
        "line 3: name: 'Anna' is 'Ana' on line 2: that is one person"
    ]
