"""What importing a people file would change, given what GitHub and Slack say of those in it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from bot.github.model import Account
from bot.model import AccountId, PersonId, Problem, Value
from bot.people.model import MappedAccount, Person
from bot.people.people_file import Row, is_zone

UNKNOWN_ZONE = "UTC"


class SlackProfile(Value):
    """What Slack says of a user. `zone` is None where it has none."""

    slack_user_id: str
    name: str
    zone: str | None
    is_bot: bool = False
    is_active: bool = True
    is_guest: bool = False


class Found(Value):
    """A row of the file with what GitHub and Slack know of it."""

    row: Row
    account: Account | None
    profile: SlackProfile | None


class Known(Value):
    """Who is mapped already."""

    accounts: tuple[MappedAccount, ...]
    people: tuple[Person, ...]


class Effect(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Step(Value):
    """One GitHub account that belongs to one Slack user from now on. `detail` says what is different."""

    line: int
    account_id: AccountId
    login: str
    slack_user_id: str
    name: str
    zone: str
    effect: Effect
    detail: str = ""


class ImportPlan(Value):
    """Everything an import would do. With problems it does nothing."""

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def plan_import(found: Iterable[Found], known: Known) -> ImportPlan:
    """One step for each row that GitHub and Slack know, a problem for each that they do not."""
    found = tuple(found)
    problems = [problem for one in found for problem in _wrong_with(one)]
    problems += _contradictions(found)
    owners = {account.id: account for account in known.accounts}
    people = {person.id: person for person in known.people}
    steps = [
        _step(one.row, one.account, one.profile, owners, people)
        for one in found
        if one.account is not None and one.profile is not None
    ]
    notes = [note for one in found for note in _notes(one)]
    return ImportPlan(steps=tuple(steps), problems=tuple(problems), notes=tuple(notes))


def _wrong_with(found: Found) -> Iterator[Problem]:
    row, account, profile = found.row, found.account, found.profile
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


def _contradictions(found: Iterable[Found]) -> Iterator[Problem]:
    """Several rows of one Slack user are one person, who has one name and one zone."""
    first: dict[str, Row] = {}
    for one in found:
        if one.profile is None:
            continue
        other = first.setdefault(one.profile.slack_user_id, one.row)
        for key in ("name", "zone"):
            mine, theirs = getattr(one.row, key), getattr(other, key)
            if mine and theirs and mine != theirs:
                yield _problem(
                    one.row, key, f"{mine!r} is {theirs!r} on line {other.line}: that is one person"
                )


def _notes(found: Found) -> Iterator[Problem]:
    row, profile = found.row, found.profile
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


def _step(
    row: Row,
    account: Account,
    profile: SlackProfile,
    owners: Mapping[AccountId, MappedAccount],
    people: Mapping[PersonId, Person],
) -> Step:
    zone = row.zone or (profile.zone if profile.zone and is_zone(profile.zone) else UNKNOWN_ZONE)
    step = Step(
        line=row.line,
        account_id=account.id,
        login=account.login,
        slack_user_id=profile.slack_user_id,
        name=row.name or profile.name,
        zone=zone,
        effect=Effect.ADDED,
    )
    if (before := owners.get(account.id)) is None:
        return step
    if detail := ", ".join(_differences(step, before, people[before.person_id])):
        return step.model_copy(update={"effect": Effect.CHANGED, "detail": detail})
    return step.model_copy(update={"effect": Effect.UNCHANGED})


def _differences(step: Step, account: MappedAccount, person: Person) -> Iterator[str]:
    if account.login != step.login:
        yield f"was called {account.login}"
    if person.slack_user_id != step.slack_user_id:
        yield f"was mapped to {person.name} ({person.slack_user_id})"
        return
    if person.name != step.name:
        yield f"name was {person.name}"
    if person.zone != step.zone:
        yield f"zone was {person.zone}"
    if not person.is_active:
        yield "was deactivated"
