"""The candidates of a rule, in a database with many choices of this workspace and of others."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.assignment.model import Chosen, Decision
from bot.assignment.store import insert_assignment
from bot.flows import candidates
from bot.model import AccountId
from bot.reviews.model import PullRequest
from jobq import Database
from tests.people.test_store import ACME, NOW, candidate, new_person, new_pull_request, other_workspace

MINUTE = timedelta(minutes=1)
MANY = 20_000
COPY = """
    INSERT INTO assignment (workspace_id, pull_request_id, decided_at, decision, asked)
    SELECT $1, pull_request_id, $2::timestamptz - n * $4::interval, decision, asked
    FROM assignment, generate_series(1, $3) AS n WHERE workspace_id = $5
"""


async def choose_ana(pull_request: PullRequest) -> None:
    """Ana was chosen just now, and GitHub was not asked yet."""
    chosen = Chosen(login="ana", account_id=AccountId(1), name="Ana", pattern="**")
    decision = Decision(head_sha="a1", paths=1, wanted=1, counted=0, verdicts=(chosen,))
    await insert_assignment(pull_request, decision, NOW)


async def test_what_others_choose_meanwhile_does_not_hide_whom_we_chose(db: Database) -> None:
    await new_person("ana", 1)
    await choose_ana(await new_pull_request(1))
    await db.execute(COPY, await other_workspace(), NOW, 300, timedelta(0), ACME)
    assert (await candidate("ana")).load == 1


async def test_only_the_newest_of_many_choices_are_looked_at(db: Database) -> None:
    await new_person("ana", 1)
    await choose_ana(await new_pull_request(1))
    await db.execute(COPY, ACME, NOW - MINUTE, 300, timedelta(0), ACME)
    assert (await candidate("ana")).load == 200


@pytest.fixture
async def full(db: Database) -> Database:
    """A workspace with years of choices, another one beside it, and statistics."""
    await new_person("ana", 1)
    await choose_ana(await new_pull_request(1))
    await db.execute(COPY, await other_workspace(), NOW, MANY, MINUTE, ACME)
    await db.execute(COPY, ACME, NOW, MANY, MINUTE, ACME)
    await db.execute("ANALYZE")
    return db


async def test_an_index_leads_to_the_newest_choices_even_on_the_generic_plan(full: Database) -> None:
    async with full.transaction() as connection:
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE statement AS {candidates.STATEMENT}")
        text = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE statement ({ACME}, '{{ana}}', '{NOW}')"
        )
        await connection.execute("DEALLOCATE statement")
    (read,) = [node for node in nodes(json.loads(text)[0]["Plan"]) if reads(node, "assignment")]
    assert read["Node Type"] == "Index Scan"
    assert read["Index Name"] == "assignment_recent"
    assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 50


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def reads(node: dict[str, Any], table: str) -> bool:
    return node.get("Relation Name") == table
