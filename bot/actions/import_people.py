"""Maps GitHub logins to Slack users from a file: `ripe people import | list`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from bot.clock import Clock
from bot.flows.catalog import remind_reviewer_job, tell_holder_job
from bot.flows.open_requests import list_open_request_ids_of_person, list_unmapped_reviewers
from bot.github.model import Account, RefusedError
from bot.github.store import find_any_installation
from bot.model import InstallationId, Problem, RequestId, UserError, Value, WorkspaceId
from bot.people import store
from bot.people.import_plan import (
    CurrentMapping,
    Effect,
    IdentifiedRow,
    ImportPlan,
    PlannedMapping,
    SlackProfile,
    plan_import,
)
from bot.people.people_file import Row, parse_people
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackUser
from jobq import Postpone, Queue, write_transaction

T = TypeVar("T")

AT_ONCE = 4
MOST_WAITS = 10
"""Tries of one call when Slack or GitHub asks us to wait; Slack allows 50 calls a minute."""


class GitHub(Protocol):
    """The part of the GitHub gateway that an import uses."""

    async def find_account(self, installation_id: InstallationId, login: str) -> Account | None: ...


class Slack(Protocol):
    """The part of the Slack gateway that an import uses."""

    async def find_user(self, slack_user_id: str) -> SlackUser | None: ...

    async def find_user_by_email(self, email: str) -> SlackUser | None: ...


class ImportReport(Value):
    """The changes that a file would make or has made. `absent` counts mapped accounts not in it."""

    plan: ImportPlan
    absent: int
    is_applied: bool

    @property
    def is_ok(self) -> bool:
        return not self.plan.problems

    def lines(self) -> list[str]:
        """The report to print: changes, then notes, then problems, each with its line."""
        changes = [mapping for mapping in self.plan.mappings if mapping.effect is not Effect.UNCHANGED]
        lines = [_describe(mapping) for mapping in changes]
        lines += [f"note: {note}" for note in self.plan.notes]
        lines += [f"problem: {problem}" for problem in self.plan.problems]
        counts = [f"{self._count(effect)} {effect}" for effect in Effect]
        counts.append(f"{self.absent} mapped before and not in this file, kept")
        return [*lines, ", ".join(counts) + ".", self._end()]

    def _count(self, effect: Effect) -> int:
        return sum(mapping.effect is effect for mapping in self.plan.mappings)

    def _end(self) -> str:
        if self.plan.problems:
            return "Nothing was changed: mend the problems first."
        return (
            "Applied."
            if self.is_applied
            else "Nothing was changed: this was a dry run. Apply it with --apply."
        )


def _describe(mapping: PlannedMapping) -> str:
    sign = "+" if mapping.effect is Effect.ADDED else "~"
    detail = f" ({mapping.detail})" if mapping.detail else ""
    user = f"{mapping.name}, {mapping.slack_user_id}, {mapping.zone}"
    return f"{sign} line {mapping.line}: {mapping.login} is {user}{detail}"


async def import_people(
    text: str,
    filename: str,
    workspace_id: WorkspaceId,
    *,
    apply: bool,
    github: GitHub,
    slack: Slack,
    queue: Queue,
    clock: Clock,
) -> ImportReport:
    """Reports the changes that a file (CSV, or YAML by its name) would make. With `apply` it makes them.

    It applies nothing if the file has problems. GitHub and Slack are asked about every person in it, which
    may take minutes for hundreds of people. Raises UserError if they cannot be asked.
    """
    file = parse_people(text, filename)
    rows = await _identify(file.rows, workspace_id, github, slack, clock)
    current = CurrentMapping(
        accounts=await store.list_accounts(workspace_id), people=await store.list_people(workspace_id)
    )
    plan = plan_import(rows, current)
    plan = ImportPlan(
        mappings=plan.mappings,
        problems=_by_line(file.problems, plan.problems),
        notes=_by_line(file.notes, plan.notes),
    )
    does_apply = apply and not plan.problems
    if does_apply:
        await _apply(plan, workspace_id, queue)
    absent = {account.id for account in current.accounts} - {mapping.account_id for mapping in plan.mappings}
    return ImportReport(plan=plan, absent=len(absent), is_applied=does_apply)


def _by_line(*problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted((problem for some in problems for problem in some), key=lambda problem: problem.line))


@write_transaction
async def _apply(plan: ImportPlan, workspace_id: WorkspaceId, queue: Queue) -> None:
    """Saves each new or changed mapping, and schedules the reminders that it concerns."""
    concerned: set[RequestId] = set()
    for mapping in plan.mappings:
        if mapping.effect is Effect.UNCHANGED:
            continue
        before = await store.find_person_by_account(workspace_id, mapping.account_id)
        person_id = await store.upsert_person(
            workspace_id, mapping.slack_user_id, mapping.name, mapping.zone, guest_allowed=mapping.is_guest
        )
        await store.map_account(workspace_id, mapping.account_id, mapping.login, person_id)
        if before is not None and before.id != person_id:
            await queue.save(tell_holder_job(before.id, mapping.account_id))
        for concerned_id in {person_id, before.id} if before else {person_id}:
            concerned.update(await list_open_request_ids_of_person(concerned_id))
    await queue.save_all(remind_reviewer_job(request_id) for request_id in sorted(concerned))


async def _identify(
    rows: Iterable[Row], workspace_id: WorkspaceId, github: GitHub, slack: Slack, clock: Clock
) -> list[IdentifiedRow]:
    installation_id = await find_any_installation(workspace_id)
    if installation_id is None:
        raise UserError(
            "The GitHub App is not installed anywhere yet, so GitHub cannot be asked about logins."
        )
    turns = asyncio.Semaphore(AT_ONCE)

    async def find(row: Row) -> IdentifiedRow:
        async with turns:
            account = await _patiently(lambda: github.find_account(installation_id, row.login), clock)
            user = await _patiently(lambda: _find_user(row, slack), clock)
        return IdentifiedRow(row=row, account=account, profile=_profile(user) if user else None)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(find(row)) for row in rows]
    except ExceptionGroup as errors:
        if (refusals := errors.subgroup(UserError)) is None:
            raise
        raise UserError(str(refusals.exceptions[0])) from refusals
    return [task.result() for task in tasks]


async def _find_user(row: Row, slack: Slack) -> SlackUser | None:
    return await (slack.find_user(row.slack_id) if row.slack_id else slack.find_user_by_email(row.email))


def _profile(user: SlackUser) -> SlackProfile:
    return SlackProfile(
        slack_user_id=user.id,
        name=user.name,
        zone=user.zone,
        is_bot=user.is_bot,
        is_active=user.is_active,
        is_guest=user.is_guest,
    )


async def _patiently(ask: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """Makes a call, and waits as long as the other side asks for. Raises UserError if it does not answer."""
    for _ in range(MOST_WAITS):
        try:
            return await ask()
        except Postpone as later:
            await asyncio.sleep((later.until - clock.now()).total_seconds())
        except (SlackRefusedError, SlackOutcomeUnknownError) as error:
            raise UserError(f"Slack could not be asked ({error}). Nothing was changed.") from error
        except RefusedError as error:
            raise UserError(f"GitHub could not be asked ({error}). Nothing was changed.") from error
    raise UserError("Slack or GitHub asks us to wait again and again. Nothing was changed; try later.")


async def describe_people(workspace_id: WorkspaceId) -> list[str]:
    """Lists the people who are mapped, and the reviewers who are not, with the reviews that wait for them."""
    accounts = await store.list_accounts(workspace_id)
    people = await store.list_people(workspace_id)
    lines = []
    for person in people:
        logins = ", ".join(account.login for account in accounts if account.person_id == person.id)
        gone = "" if person.is_active else ", deactivated or a guest in Slack"
        lines.append(
            f"{logins or '(no GitHub account)'}: {person.name}, {person.slack_user_id}, {person.zone}{gone}"
        )
    if not people:
        lines.append("Nobody is mapped yet: ripe people import FILE")
    for login, waiting in await list_unmapped_reviewers(workspace_id):
        reviews = "1 review waits" if waiting == 1 else f"{waiting} reviews wait"
        lines.append(f"{login}: not mapped, {reviews}")
    return lines
