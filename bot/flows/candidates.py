"""Loads the people from whom rules choose. Uses the ambient database and transaction."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.assignment.model import Candidate
from bot.model import WorkspaceId
from bot.people.model import Person
from bot.people.store import list_people_by_id
from jobq import current_database

STATEMENT = Path(__file__).with_name("candidates.sql").read_text()


async def list_candidates(
    workspace_id: WorkspaceId, logins: Iterable[str], now: datetime
) -> tuple[Candidate, ...]:
    """One candidate for each login, in any case, including logins that nobody has mapped.

    The load of a person counts, on all their accounts, the open requests on open pull requests that are not
    drafts, and the choices of the last minutes whose requests have not come yet.
    """
    rows = await current_database().fetch(STATEMENT, workspace_id, list(logins), now)
    people = {p.id: p for p in await list_people_by_id(row["person_id"] for row in rows if row["person_id"])}
    return tuple(_candidate(row, people.get(row["person_id"]), now) for row in rows)


def _candidate(row: Any, person: Person | None, now: datetime) -> Candidate:
    if person is None:
        return Candidate(login=row["asked_for"], account_id=None, person_id=None, name=row["asked_for"])
    return Candidate(
        login=row["login"],
        account_id=row["account_id"],
        person_id=person.id,
        name=person.name,
        account_ids=frozenset(row["account_ids"]),
        is_bot=row["login"].endswith("[bot]"),
        is_active=person.is_active,
        away_until=person.away_until(now),
        zone=person.zone,
        load=row["load"],
        max_open_reviews=person.max_open_reviews,
        last_asked_at=row["last_asked_at"],
    )


async def lock_choices(workspace_id: WorkspaceId) -> None:
    """Until this transaction ends, nobody else chooses in this workspace: the next choice sees this one."""
    await current_database().execute(
        "SELECT pg_advisory_xact_lock(hashtext('choose reviewers'), $1)", workspace_id
    )
