"""Whom a rule may choose from, as Postgres knows them. Uses the ambient database and transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bot.model import WorkspaceId
from bot.reviewers.model import Candidate, Person
from bot.reviewers.rules import away_until
from bot.reviewers.store import list_people_by_id
from jobq import current_database


async def list_candidates(
    workspace_id: WorkspaceId, logins: Iterable[str], now: datetime
) -> tuple[Candidate, ...]:
    """One for each login, in any case, also for those that nobody is mapped to.

    Their load counts open requests on open pull requests that are not drafts, on all their accounts.
    """
    rows = await current_database().fetch(
        """
        SELECT wanted.login AS asked_for, found.*
        FROM unnest($2::text[]) AS wanted (login)
        LEFT JOIN LATERAL (
            SELECT account.id AS account_id, account.person_id, account.login,
                array(SELECT id FROM account mine WHERE mine.person_id = account.person_id) AS account_ids,
                (SELECT count(*) FROM review_request
                    JOIN account mine ON (mine.workspace_id, mine.id)
                        = (review_request.workspace_id, review_request.reviewer_id)
                    JOIN pull_request ON pull_request.id = review_request.pull_request_id
                    WHERE mine.person_id = account.person_id AND review_request.closed_at IS NULL
                        AND pull_request.state = 'open' AND NOT pull_request.is_draft) AS load,
                (SELECT max(opened_at) FROM review_request
                    JOIN account mine ON (mine.workspace_id, mine.id)
                        = (review_request.workspace_id, review_request.reviewer_id)
                    WHERE mine.person_id = account.person_id) AS last_asked_at
            FROM account
            WHERE account.workspace_id = $1 AND lower(account.login) = lower(wanted.login)
            -- A login that was given up and taken by somebody else: the newer account has it now.
            ORDER BY account.id DESC LIMIT 1
        ) AS found ON true
        """,
        workspace_id,
        list(logins),
    )
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
        away_until=away_until(person, now),
        zone=person.zone,
        load=row["load"],
        max_open_reviews=person.max_open_reviews,
        last_asked_at=row["last_asked_at"],
    )
