"""Statements about one rule or one person read a few rows, however large the company is."""

import pytest

from bot.flows import candidates, review_queue
from jobq import Database
from tests.people.test_store import ACME, NOW, new_person

MANY = 3_000


@pytest.fixture
async def company(db: Database) -> Database:
    """People with an open pull request each; nobody else is asked for a review of it."""
    await new_person("ana", 1)
    await db.execute(
        "INSERT INTO person (workspace_id, slack_user_id, name, zone)"
        " SELECT $1, 'V' || n, 'Person ' || n, 'UTC' FROM generate_series(1, $2::int) AS n",
        ACME,
        MANY,
    )
    await db.execute(
        "INSERT INTO account (workspace_id, id, login, person_id)"
        " SELECT $1, 100 + id, 'login-' || id, id FROM person WHERE slack_user_id LIKE 'V%'",
        ACME,
    )
    await db.execute("INSERT INTO installation (workspace_id, id) VALUES ($1, 5)", ACME)
    await db.execute(
        "INSERT INTO repository (workspace_id, id, installation_id, full_name)"
        " VALUES ($1, 300, 5, 'acme/api')",
        ACME,
    )
    await db.execute(
        "INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id,"
        " author_login, author_is_bot, state, is_draft, head_sha, labels, requested_teams, created_at,"
        " updated_at)"
        " SELECT $1, 1000 + id, 300, id, '', '', id, login, false, 'open', false, '', '{}', '{}', $2, $2"
        " FROM account",
        ACME,
        NOW,
    )
    await db.execute("ANALYZE account, pull_request, person")
    return db


async def test_a_login_in_a_rule_is_found_by_index(company: Database) -> None:
    plan = await company.fetch(f"EXPLAIN {candidates.STATEMENT}", ACME, ["Ana", "login-7"], NOW)
    assert "account_login" in "\n".join(row[0] for row in plan)


async def test_the_own_pull_requests_of_a_person_are_found_by_index(company: Database) -> None:
    person_id = await company.fetchval("SELECT person_id FROM account WHERE id = 1")
    plan = await company.fetch(f"EXPLAIN {review_queue.WAITING_FOR_OTHERS}", person_id)
    assert "pull_request_author" in "\n".join(row[0] for row in plan)
