"""A company of any size that has used the bot for some weeks, written straight into its tables.

Everything grows with the people: two in ten repositories, a pull request a week each, two reviewers for it,
two DMs about each review, eight deliveries for each pull request.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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


# Triggers and foreign keys are off meanwhile: what is written here fits by itself.
_BEGIN = "SET session_replication_role = replica; SET synchronous_commit = off"
_SIZE = """
    CREATE TEMPORARY TABLE size AS
    SELECT $1::bigint AS people, $2::bigint AS repositories, $3::bigint AS closed, $4::bigint AS workspace
"""
_FILL = (
    """
    INSERT INTO person (workspace_id, slack_user_id, name, zone, spans, dms_per_day, dm_channel, welcomed_at)
    SELECT workspace, 'U' || 200 + n, 'Person ' || n, 'Europe/Berlin', '{all_day}', 1000, 'D' || n, now()
    FROM size, generate_series(0, people - 1) AS n
    """,
    """
    INSERT INTO account (workspace_id, id, login, person_id)
    SELECT workspace, 200 + n, 'person-' || n, person.id
    FROM size, generate_series(0, people - 1) AS n
    JOIN person ON slack_user_id = 'U' || 200 + n
    """,
    """
    INSERT INTO absence (workspace_id, person_id, starts_at, ends_at)
    SELECT workspace_id, id, now() - interval '20 days', now() - interval '10 days' FROM person WHERE id % 3 = 0
    """,
    """
    INSERT INTO repository (workspace_id, id, installation_id, full_name, named_at)
    SELECT workspace, 300 + n, {installation}, 'acme/service-' || n, now()
    FROM size, generate_series(0, repositories - 1) AS n
    """,
    # The older ones first, as they came. The last of each person is open.
    """
    CREATE TEMPORARY TABLE opened AS
    SELECT {first} + n AS id, n AS number, workspace, 300 + n % repositories AS repository_id, n >= closed AS is_open,
        n % people AS author, 200 + team + (n + 1) % {team} AS first, 200 + team + (n + 3) % {team} AS second,
        now() - interval '{weeks} weeks' * (1 - n / (closed + people)::float) AS at
    FROM size, generate_series(0, closed + people - 1) AS n,
        LATERAL (SELECT n % people / {team} * {team} AS team)
    """,
    """
    INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id, author_login,
        author_is_bot, state, is_draft, head_sha, labels, requested_teams, additions, deletions, changed_files,
        created_at, updated_at)
    SELECT workspace, id, repository_id, number, 'Round half to even in invoice ' || number,
        'https://github.com/acme/service/pull/' || number, 200 + author, 'person-' || author, false,
        CASE WHEN is_open THEN 'open' ELSE 'merged' END, false, md5(id::text) || '00000000', '{{billing}}', '{{}}',
        120, 40, 7, at, CASE WHEN is_open THEN at ELSE least(at + interval '1 day', now()) END
    FROM opened ORDER BY id
    """,
    """
    INSERT INTO review_request (workspace_id, pull_request_id, reviewer_id, reviewer_login, requested_by, is_again,
        round, opened_at, closed_at, close_reason)
    SELECT workspace, id, reviewer, 'person-' || reviewer - 200, 'person-' || author, false, 1, at,
        CASE WHEN NOT is_open THEN at + interval '1 day' END, CASE WHEN NOT is_open THEN 'approved' END
    FROM opened, unnest(ARRAY[first, second]) AS reviewer ORDER BY id
    """,
    """
    INSERT INTO review (workspace_id, id, pull_request_id, reviewer_id, reviewer_login, reviewer_is_bot, state,
        submitted_at)
    SELECT workspace, id * 2 + reviewer % 2, id, reviewer, 'person-' || reviewer - 200, false, 'approved',
        at + interval '1 day'
    FROM opened, unnest(ARRAY[first, second]) AS reviewer WHERE NOT is_open ORDER BY id
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO reading (workspace_id, pull_request_id, head_sha, additions, deletions, changed_files, files, read_at)
    SELECT workspace, id, md5(id::text) || '00000000', 120, 40, 7, '{{"paths": 7, "matches": []}}', at FROM opened
    """,
    """
    INSERT INTO message (workspace_id, request_id, sequence, state, person_id, sending_at, sent_at, channel, ts, shown)
    SELECT request.workspace_id, request.id, sequence, 'sent', account.person_id, sent.at, sent.at,
        'D' || reviewer_id, sent.at::text, md5(request.id::text)
    FROM review_request AS request
    JOIN account ON (account.workspace_id, account.id) = (request.workspace_id, reviewer_id),
        generate_series(0, 1) AS sequence, LATERAL (SELECT opened_at + sequence * interval '5 hours' AS at) AS sent
    ORDER BY request.id
    """,
)
_ASSIGN = """
    INSERT INTO assignment (workspace_id, pull_request_id, decided_at, decision, asked)
    SELECT workspace, id, at, $1::jsonb, ARRAY[first, second] FROM opened ORDER BY id
"""
# The payloads of the last eight days are still there.
_DELIVER = """
    INSERT INTO delivery (workspace_id, guid, event, action, received_at, fact, outcome)
    SELECT workspace, md5(id::text || '-' || n)::uuid::text, 'pull_request', 'edited', at + n * interval '1 hour',
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
            "INSERT INTO installation (workspace_id, id, account_id, account_login) VALUES ($1, $2, 100, 'acme')",
            WORKSPACE,
            INSTALLATION,
        )
        await connection.execute(
            "INSERT INTO account_access (workspace_id, account_id, login, state, since)"
            " VALUES ($1, 100, 'acme', 'allowed', now())",
            WORKSPACE,
        )
        await connection.execute(_SIZE, company.people, company.repositories, company.closed, WORKSPACE)
        for statement in _FILL:
            await connection.execute(
                statement.format(
                    all_day=ALL_DAY,
                    installation=INSTALLATION,
                    first=FIRST_PULL_REQUEST,
                    team=min(TEAM, company.people),
                    weeks=WEEKS,
                )
            )
        await connection.execute(_ASSIGN, _decision().model_dump_json())
        await connection.execute(_DELIVER, FACT.dump_json(next(iter(live(1)))).decode())
        await connection.execute(_RULE, *(list(column) for column in zip(*_rules(company), strict=True)))
    finally:
        await connection.close()
    await _wait_for_reviews(dsn)


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
