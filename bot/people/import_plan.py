"""Plans the import of a people file from the answers of GitHub and Slack about its rows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from bot.github.model import Account
from bot.model import AccountId, PersonId, Problem, Value
from bot.people.model import MappedAccount, Person
from bot.people.people_file import Row
from bot.working_time import UNKNOWN_ZONE, is_zone


class SlackProfile(Value):
    """A Slack user. `zone` is None if Slack has none."""

    slack_user_id: str
    name: str
    zone: str | None
    is_bot: bool = False
    is_active: bool = True
    is_guest: bool = False


class IdentifiedRow(Value):
    """A row of the file with its GitHub account and its Slack user. None: there is no such one."""

    row: Row
    account: Account | None
    profile: SlackProfile | None


class CurrentMapping(Value):
    """The accounts and people that are stored now."""

    accounts: tuple[MappedAccount, ...]
    people: tuple[Person, ...]


class Effect(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class PlannedMapping(Value):
    """A GitHub account that will belong to a Slack user. `detail` says what is different from now."""

    line: int
    account_id: AccountId
    login: str
    slack_user_id: str
    name: str
    zone: str
    effect: Effect
    is_guest: bool = False
    detail: str = ""


class ImportPlan(Value):
    """Everything an import would do. With problems it does nothing."""

    mappings: tuple[PlannedMapping, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def plan_import(rows: Iterable[IdentifiedRow], current: CurrentMapping) -> ImportPlan:
    """A mapping for each row that GitHub and Slack know, a problem for each that they do not."""
    rows = tuple(rows)
    problems = [problem for row in rows for problem in _wrong_with(row)]
    problems += _contradictions(rows)
    owners = {account.id: account for account in current.accounts}
    people = {person.id: person for person in current.people}
    mappings = [
        _plan_mapping(identified.row, identified.account, identified.profile, owners, people)
        for identified in rows
        if identified.account is not None and identified.profile is not None
    ]
    notes = [note for row in rows for note in _notes(row)]
    return ImportPlan(mappings=tuple(mappings), problems=tuple(problems), notes=tuple(notes))


def _wrong_with(identified: IdentifiedRow) -> Iterator[Problem]:
    row, account, profile = identified.row, identified.account, identified.profile
    if account is None:
        yield _problem(row, "github_login", f"GitHub knows nobody called {row.login!r}")
    elif account.is_bot:
        yield _problem(row, "github_login", f"{row.login!r} is a bot")
    where = "slack_id" if row.slack_id else "email"
    if profile is None:
        yield _problem(row, where, f"Slack knows nobody with {row.slack!r}")
    elif profile.is_bot:
        yield _problem(row, where, f"{profile.name} is a bot")
    elif not profile.is_active:
        yield _problem(row, where, f"{profile.name} is deactivated in Slack")


def _contradictions(rows: Iterable[IdentifiedRow]) -> Iterator[Problem]:
    """Several rows of one Slack user are one person, who has one name and one zone."""
    first: dict[str, Row] = {}
    for identified in rows:
        if identified.profile is None:
            continue
        row = identified.row
        other = first.setdefault(identified.profile.slack_user_id, row)
        for key in ("name", "zone"):
            mine, theirs = getattr(row, key), getattr(other, key)
            if mine and theirs and mine != theirs:
                yield _problem(row, key, f"{mine!r} is {theirs!r} on line {other.line}: that is one person")


def _notes(identified: IdentifiedRow) -> Iterator[Problem]:
    row, profile = identified.row, identified.profile
    if profile is None:
        return
    if profile.is_guest:
        yield _problem(row, "", f"{profile.name} is a guest in Slack")
    if not row.zone and not (profile.zone and is_zone(profile.zone)):
        yield _problem(
            row, "zone", f"Slack has no usable time zone of {profile.name}: {UNKNOWN_ZONE} is taken"
        )


def _problem(row: Row, where: str, text: str) -> Problem:
    return Problem(line=row.line, where=where, text=text)


def _plan_mapping(
    row: Row,
    account: Account,
    profile: SlackProfile,
    owners: Mapping[AccountId, MappedAccount],
    people: Mapping[PersonId, Person],
) -> PlannedMapping:
    zone = row.zone or (profile.zone if profile.zone and is_zone(profile.zone) else UNKNOWN_ZONE)
    planned = PlannedMapping(
        line=row.line,
        account_id=account.id,
        login=account.login,
        slack_user_id=profile.slack_user_id,
        name=row.name or profile.name,
        zone=zone,
        effect=Effect.ADDED,
        is_guest=profile.is_guest,
    )
    if (before := owners.get(account.id)) is None:
        return planned
    if detail := ", ".join(_differences(planned, before, people[before.person_id])):
        return planned.model_copy(update={"effect": Effect.CHANGED, "detail": detail})
    return planned.model_copy(update={"effect": Effect.UNCHANGED})


def _differences(planned: PlannedMapping, account: MappedAccount, person: Person) -> Iterator[str]:
    if account.login != planned.login:
        yield f"was called {account.login}"
    if person.slack_user_id != planned.slack_user_id:
        yield f"was mapped to {person.name} ({person.slack_user_id})"
        return
    if person.name != planned.name:
        yield f"name was {person.name}"
    if person.zone != planned.zone:
        yield f"zone was {person.zone}"
    if not person.is_active:
        yield "was deactivated"
