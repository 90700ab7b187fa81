"""The state that the sandbox's page shows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.app import App
from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Assignment
from bot.assignment.rules import describe_decision
from bot.assignment.store import list_assignments
from bot.flows.catalog import ASSIGN_REVIEWERS, REMIND_REVIEWER
from bot.flows.current_rules import list_rules
from bot.flows.reminder_state import read_reminder_states
from bot.people.model import Person
from bot.people.store import find_person_by_slack_user, list_people
from bot.reminders.model import Outlook, ReminderState, Silence
from bot.reminders.outlook import find_outlook
from bot.reminders.words import about_reviewer, what_comes
from bot.reviews.model import PullRequest
from bot.reviews.store import list_newest_pull_requests, list_requests
from bot.working_time import WorkingHours, add_working_time, local_day

MOST_PULL_REQUESTS = 30
THURSDAY = 3
FRIDAY = 4

Json = dict[str, Any]


async def load_page(app: App, snapshot: Json) -> Json:
    """One document for the page: `snapshot`, the sandbox's own state, with the state of the bot."""
    now = app.clock.now()
    people = {person.slack_user_id: person for person in await list_people(app.workspace_id)}
    reviews = {
        pull_request.label: await _show_review(app, pull_request, now)
        for pull_request in await list_newest_pull_requests(app.workspace_id, MOST_PULL_REQUESTS)
    }
    return {
        **snapshot,
        "now": now.isoformat(),
        "mode": app.switch.resolve(None),
        "rules": await _describe_rules(app, snapshot["repositories"]),
        "people": [_show_person(user, people.get(user["id"]), now) for user in snapshot["people"]],
        "pulls": [{**pull, **reviews.get(pull["label"], {})} for pull in snapshot["pulls"]],
    }


async def _describe_rules(app: App, repositories: Iterable[str]) -> dict[str, str]:
    """The reviewers of each pattern, by the name of the repository."""
    configs = await list_rules(app.workspace_id)
    return {name: describe_rules(name, configs.get(name.lower())) for name in repositories}


def describe_rules(name: str, config: RepositoryConfig | None) -> str:
    """The rules of a repository in one line, such as `acme/api: Ana, Cho for billing/**.`."""
    if config is None or not config.rules:
        return f"{name} has no rules, so Ripe asks nobody."
    shares = (
        f"{', '.join(_called(login) for login in rule.people)} for {_describe_paths(rule.paths)}"
        for rule in config.rules
    )
    return f"{name}: {'; '.join(shares)}."


def _describe_paths(paths: Sequence[str]) -> str:
    return "all files" if "**" in paths else ", ".join(paths)


async def working_hours_from_now(app: App, user: Json, hours: float) -> timedelta | None:
    """The time until a Slack user has worked so many hours, without absences. None: more than three years."""
    person = await find_person_by_slack_user(app.workspace_id, user["id"])
    now = app.clock.now()
    away = [(absence.starts_at, absence.ends_at) for absence in person.absences] if person else []
    end = add_working_time(_hours_of(user, person), now, timedelta(hours=hours), away)
    return None if end is None else end - now


def _show_person(user: Json, person: Person | None, now: datetime) -> Json:
    hours = _hours_of(user, person)
    absence = person.current_absence(now) if person else None
    return {
        **user,
        "zone": hours.zone,
        "is_known": person is not None,
        "away_until": absence.ends_at.isoformat() if absence else None,
        "leave": _until_friday(hours, now),
    }


def _hours_of(user: Json, person: Person | None) -> WorkingHours:
    """A person's hours. People whom the bot does not know have the usual ones."""
    return person.hours if person else WorkingHours(zone=user["zone"])


def _until_friday(hours: WorkingHours, now: datetime) -> str:
    """The text to type after /ooo to be away for the rest of this week or, from Friday on, the next."""
    today = local_day(hours, now)
    if today.weekday() <= THURSDAY:
        return "until friday"
    friday = today + timedelta(days=FRIDAY - today.weekday() + 7)
    return f"until {friday.day} {friday:%b}".lower()


async def _show_review(app: App, pull_request: PullRequest, now: datetime) -> Json:
    due = await _due_at(app, ASSIGN_REVIEWERS, "pull_request_id", [pull_request.id])
    requests = await list_requests(pull_request.id)
    ids = [request.id for request in requests]
    wakes = await _due_at(app, REMIND_REVIEWER, "request_id", ids)
    return {
        "decides_at": due.get(pull_request.id),
        "decisions": [
            _show_decision(assignment, now) for assignment in await list_assignments(pull_request.id)
        ],
        "requests": [show_request(state, wakes, now) for state in await read_reminder_states(ids, now)],
    }


async def _due_at(app: App, job_type: str, argument: str, ids: Iterable[int]) -> dict[int, str]:
    """When the job about each of these ids runs next."""
    rows = await app.database.fetch(
        """
        SELECT (arguments ->> $2)::bigint AS id, coalesce(ripe_at, created_at) AS due_at FROM job
        WHERE job_type = $1 AND (arguments ->> $2)::bigint = ANY ($3::bigint[])
        """,
        job_type,
        argument,
        list(ids),
    )
    return {row["id"]: row["due_at"].isoformat() for row in rows}


def _show_decision(assignment: Assignment, now: datetime) -> Json:
    decision = assignment.decision
    lines = describe_decision(decision, now)
    people = [
        {
            "login": verdict.login,
            "name": verdict.name,
            "outcome": verdict.outcome,
            "reason": line.removeprefix(f"{verdict.name} {verdict.outcome}: ").removesuffix("."),
        }
        for verdict, line in zip(decision.verdicts, lines, strict=False)
    ]
    return {
        "decided_at": assignment.decided_at.isoformat(),
        "people": people,
        "notes": lines[len(decision.verdicts) :],
        "refusals": assignment.refusals,
    }


def show_request(state: ReminderState, wakes: Mapping[int, str], now: datetime) -> Json:
    """When a reviewer was asked, how that ended, and what comes next."""
    request, outlook = state.request, find_outlook(state, now)
    return {
        "login": request.reviewer_login,
        "opened_at": request.opened_at.isoformat(),
        "closed_at": request.closed_at.isoformat() if request.closed_at else None,
        "close_reason": request.close_reason,
        "looks_at": wakes.get(request.id),
        "next_at": outlook.next_at.isoformat() if outlook.next_at else None,
        "next": _describe_next(outlook, _called(request.reviewer_login)),
    }


def _describe_next(outlook: Outlook, name: str) -> str:
    """The next DM and, unless it is just not due, why none comes now."""
    comes = what_comes(outlook, name)
    if outlook.silence in (None, Silence.NOT_DUE):
        return comes
    if outlook.silence is Silence.LATE:
        return about_reviewer(outlook, name)
    return f"{about_reviewer(outlook, name)}: {comes}"


def _called(login: str) -> str:
    return login[:1].upper() + login[1:]
