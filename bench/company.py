"""A company of any size that has used the bot for some weeks, written straight into its tables.

Everything grows with the people: two in ten repositories, a pull request a week each, two reviewers for it,
two DMs about each review, eight deliveries for each pull request.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from bench.facts import INSTALLATION, WORKSPACE, live, people_of, repositories_of
from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Chosen, Decision, Skipped, SkipReason
from bot.flows.catalog import remind_reviewer_job
from bot.github.model import FACT, Account, Repository
from bot.model import AccountId, RequestId
from jobq import Database, Queue

WEEKS = 3
TEAM = 10
"""The people who review each other's pull requests."""
RULES = 5
"""In each repository, of some people of its team each."""
FIRST_PULL_REQUEST = 10_000_000
ALL_DAY = json.dumps({day: ["00:00:00", "23:59:59"] for day in range(7)})


@dataclass(frozen=True)
class Company:
    """How many people it has; everything else follows."""

    people: int

    @property
    def repositories(self) -> int:
        return max(4, self.people // 5)

    @property
    def closed(self) -> int:
        """Pull requests that were closed in the last weeks. As many as there are people are open."""
        return WEEKS * self.people

    def list_people(self) -> list[Account]:
        return people_of(self.people)

    def list_repositories(self) -> list[Repository]:
        return repositories_of(self.repositories)


_BEGIN = "SET session_replication_role = replica; SET synchronous_commit = off"
_SIZE = """
    CREATE TEMPORARY TABLE size AS
    SELECT $1::bigint AS people, $2::bigint AS repositories, $3::bigint AS closed, $4::bigint AS workspace
"""
_FILL = Path(__file__).with_suffix(".sql").read_text()
_ASSIGN = """
    INSERT INTO assignment (workspace_id, pull_request_id, decided_at, decision, asked)
    SELECT workspace, id, at, $1::jsonb, ARRAY[first, second] FROM opened ORDER BY id
"""
# The payloads of the last eight days are still there.
_DELIVER = """
    INSERT INTO delivery (workspace_id, guid, event, action, received_at, fact, outcome)
    SELECT workspace, md5(id::text || '-' || n)::uuid::text, 'pull_request', 'edited',
        at + n * interval '1 hour',
        CASE WHEN at > now() - interval '8 days' THEN $1::jsonb END, 'applied'
    FROM opened, generate_series(0, 7) AS n ORDER BY at
"""
_RULE = """
    INSERT INTO repository_config (workspace_id, full_name, document, accounts, applied_at)
    SELECT workspace, full_name, document::jsonb, accounts::jsonb, now()
    FROM size, unnest($1::text[], $2::text[], $3::text[]) AS rules (full_name, document, accounts)
"""


async def fill(dsn: str, company: Company) -> None:
    """Write all of it into a new database that has one workspace."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_BEGIN)
        await connection.execute(
            "INSERT INTO installation (workspace_id, id, account_id, account_login)"
            " VALUES ($1, $2, 100, 'acme')",
            WORKSPACE,
            INSTALLATION,
        )
        await connection.execute(
            "INSERT INTO account_access (workspace_id, account_id, login, state, since)"
            " VALUES ($1, 100, 'acme', 'allowed', now())",
            WORKSPACE,
        )
        await connection.execute(_SIZE, company.people, company.repositories, company.closed, WORKSPACE)
        for statement in _FILL.strip().removesuffix(";").split(";\n"):
            await connection.execute(_for(company, statement))
        await connection.execute(_ASSIGN, _decision().model_dump_json())
        await connection.execute(_DELIVER, FACT.dump_json(next(iter(live(1)))).decode())
        await connection.execute(_RULE, *(list(column) for column in zip(*_rules(company), strict=True)))
    finally:
        await connection.close()
    await _wait_for_reviews(dsn)


def _for(company: Company, statement: str) -> str:
    values = {
        "all_day": ALL_DAY, "installation": INSTALLATION, "first": FIRST_PULL_REQUEST,
        "team": min(TEAM, company.people), "weeks": WEEKS,
    }  # fmt: skip
    for name, value in values.items():
        statement = statement.replace(f"{{{name}}}", str(value))
    return statement


async def _wait_for_reviews(dsn: str) -> None:
    """The job of every open review request; the next reminder is due in some days."""
    async with Database(dsn) as database:
        rows = await database.fetch("SELECT id FROM review_request WHERE closed_at IS NULL")
        due_at = datetime.now(UTC) + timedelta(days=3)  # noqa: TID251
        await Queue(database).save_all(
            remind_reviewer_job(RequestId(row["id"])).runs_at(due_at) for row in rows
        )


def _decision() -> Decision:
    """Two were asked and six were not."""
    asked = [
        Chosen(login=f"person-{n}", account_id=AccountId(200 + n), name=f"Person {n}", pattern="billing/**")
        for n in range(2)
    ]
    skipped = [
        Skipped(login=f"person-{n}", name=f"Person {n}", pattern="billing/**", reason=SkipReason.BUSIER)
        for n in range(2, 8)
    ]
    return Decision(head_sha="a" * 40, paths=7, wanted=2, counted=0, verdicts=(*asked, *skipped))


def _rules(company: Company) -> Iterator[tuple[str, str, str]]:
    """Each repository's name, its rules, and the accounts behind their logins."""
    people = company.list_people()
    for number, repository in enumerate(company.list_repositories()):
        start = number * TEAM % company.people
        team = [people[(start + n) % company.people] for n in range(TEAM)]
        rules = [
            {"paths": [f"part-{n}/**"], "people": [account.login for account in team[n:]]}
            for n in range(RULES)
        ]
        config = RepositoryConfig.model_validate({"reviewers": 2, "rules": rules})
        accounts = {account.login: account.id for account in team}
        yield repository.full_name.lower(), config.model_dump_json(), json.dumps(accounts)
