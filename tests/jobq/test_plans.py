"""The statements of the queue use its indexes, whatever Postgres believes about the table."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from jobq import Database, sql
from jobq.claims import LEASE, START
from jobq.connections import Connection
from tests.databases import Databases
from tests.jobq.working import NOON, connected

FUTURE_JOBS = 10_000


@pytest.fixture
async def full(db: Database) -> Database:
    """Many future jobs, and a few ripe and dead rows of which Postgres has no statistics."""
    await fill_tables(db)
    return db


@pytest.fixture(scope="module")
def shared_dsn(databases: Databases) -> Iterator[str]:
    """The address of such a database. Tests must not change it."""
    with databases.new() as dsn:
        asyncio.run(fill_database(dsn))
        yield dsn


@pytest.fixture
async def undone(shared_dsn: str) -> AsyncIterator[Connection]:
    """A transaction on the shared database, which is rolled back after the test."""
    connection = await asyncpg.connect(shared_dsn)
    try:
        await connection.execute("BEGIN")
        yield connection
    finally:
        await connection.close()


async def fill_database(dsn: str) -> None:
    async with Database(dsn) as database:
        await fill_tables(database)


async def fill_tables(db: Database) -> None:
    fill = """
        INSERT INTO job (lane, job_type, arguments, ripe_at, created_at, max_retries, base_retry_minutes)
        SELECT 0, 'note', jsonb_build_object('n', n, 'kind', $3::text), $1, $2, 13, 5
        FROM generate_series(1, $4) AS n
    """
    await db.execute(fill, NOON + timedelta(days=1), NOON, "future", FUTURE_JOBS)
    await db.execute(
        "INSERT INTO job_dead"
        " SELECT id, lane, job_type, arguments, ripe_at, created_at, 1, 1, 1, NULL, ripe_at FROM job"
    )
    await db.execute("ANALYZE job, job_dead")
    await db.execute(fill, None, NOON, "ripe", 500)
    await db.execute("DELETE FROM job WHERE arguments->>'kind' = 'ripe' AND (arguments->>'n')::int % 2 = 0")


async def explain_generic(connection: Connection, statement: str, *arguments: object) -> dict[str, Any]:
    """The plan on a dedicated connection, and on a pooled one after five runs."""
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    return await explain(connection, statement, *arguments)


async def explain(connection: Connection, statement: str, *arguments: object) -> dict[str, Any]:
    """The plan of the first run on the connection."""
    # A plain EXPLAIN plans for the arguments; only EXPLAIN EXECUTE shows the generic plan.
    await connection.execute(f"PREPARE statement AS {statement}")
    execute = f"EXECUTE statement ({', '.join(map(literal, arguments))})"
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}")
    await connection.execute("DEALLOCATE statement")
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


def literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "'{" + ", ".join("NULL" if item is None else f'"{item}"' for item in value) + "}'"
    return str(value) if isinstance(value, int) else f"'{value}'"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans_of_job(plan: dict[str, Any]) -> set[str]:
    reads = [node for node in nodes(plan) if node.get("Relation Name") in ("job", "job_dead")]
    return {node["Node Type"] for node in reads if node["Node Type"] != "ModifyTable"}


ON_INDEX = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}


async def test_a_claim_reads_only_what_it_takes(full: Database) -> None:
    async with full.transaction() as connection:
        plan = await explain_generic(connection, sql.CLAIM, 0, NOON, *START, 200, LEASE, "expired", None)
    assert scans_of_job(plan) <= ON_INDEX
    assert plan["Actual Rows"] == 200
    (read,) = [node for node in nodes(plan) if node["Node Type"] == "LockRows"]
    assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 1_000


async def test_an_idle_poll_touches_a_handful_of_pages(full: Database) -> None:
    async with full.transaction() as connection:
        await connection.execute("DELETE FROM job WHERE arguments->>'kind' = 'ripe'")
    await full.execute("VACUUM job")
    async with full.transaction() as connection:
        plan = await explain_generic(connection, sql.CLAIM, 0, NOON, *START, 200, LEASE, "expired", None)
    assert scans_of_job(plan) <= ON_INDEX
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 20


async def test_a_claim_from_the_cursor_does_not_read_the_dead_rows_before_it(full: Database) -> None:
    last = await full.fetchval("SELECT max(id) FROM job")
    async with full.transaction() as connection:
        plan = await explain_generic(connection, sql.CLAIM, 0, NOON, NOON, last, 200, LEASE, "expired", None)
    (read,) = [node for node in nodes(plan) if node["Node Type"] == "LockRows"]
    assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 10


LEASES = (list(range(1, 21)), [0] * 20)
IDENTITY = ("note", '{"n": 1, "kind": "future"}')
ONE_JOB = (0, *IDENTITY, None, NOON, 13, 5, None, None)
MANY_JOBS = (
    [0] * 20,
    ["note"] * 20,
    [f'{{\\"n\\": {n}}}' for n in range(20)],
    [None] * 20,
    NOON,
    [13] * 20,
    [5] * 20,
    [None] * 20,
    [None] * 20,
)

ARGUMENTS: dict[str, tuple[object, ...]] = {
    "MOVE_TO_DEAD": (*LEASES, [14] * 20, ["broken"] * 20, NOON),
    "ADMIT": (0, NOON, ["a", "b"], 1_000, START[0]),
    "BLOCKED_KEYS": (0,),
    "CANCEL": IDENTITY,
    "CLAIM": (0, NOON, *START, 20, LEASE, "expired", None),
    "DEAD": (20,),
    "EXTEND": (*LEASES, LEASE),
    "FINISH": LEASES,
    "FINISH_LEASED": LEASES,
    "STILL_LEASED": LEASES,
    "PRUNE": (NOON, 20),
    "RELEASE": (*LEASES, [NOON] * 20, [1] * 20, [None] * 20, [0] * 20),
    "RESCHEDULE": (*IDENTITY, NOON),
    "REVIVE": (1, NOON),
    "RIPE_LANES": (NOON,),
    "SAVE": ONE_JOB,
    "SAVE_ALL": MANY_JOBS,
    "CONFIRM": LEASES,
    "POP_RIPE": (0, NOON),
}
READS_EVERYTHING = {"QUEUED", "STATS"}
"""They list or count jobs for people, and run rarely."""
READS_NO_JOB = {"ADMISSION_LOCK", "DATABASE_HEALTH"}
INCOMPLETE = {"SAVE_WITH"}
"""The application gives its own statement; the rest is SAVE_ALL."""


def test_these_tests_cover_every_statement() -> None:
    statements = {name for name in vars(sql) if name.isupper()}
    assert statements == set(ARGUMENTS) | READS_EVERYTHING | READS_NO_JOB | INCOMPLETE


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_a_statement_uses_only_indexes(undone: Connection, name: str) -> None:
    plan = await explain_generic(undone, getattr(sql, name), *ARGUMENTS[name])
    assert scans_of_job(plan) <= ON_INDEX


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {"SAVE", "SAVE_ALL", "REVIVE"}))
async def test_a_statement_reads_rows(undone: Connection, name: str) -> None:
    """Without scans the test above would pass as well."""
    plan = await explain_generic(undone, getattr(sql, name), *ARGUMENTS[name])
    assert scans_of_job(plan)


ON_LEASES = ["MOVE_TO_DEAD", "EXTEND", "FINISH", "FINISH_LEASED", "STILL_LEASED", "RELEASE", "CONFIRM"]


@pytest.mark.parametrize("name", ON_LEASES)
async def test_the_first_batch_of_a_worker_does_not_read_the_whole_table(full: Database, name: str) -> None:
    """With 500 ids, Postgres would prefer that if it planned for the arguments."""
    leases = (list(range(1, 501)), [0] * 500)
    more = {
        "MOVE_TO_DEAD": ([14] * 500, ["broken"] * 500, NOON),
        "EXTEND": (LEASE,),
        "RELEASE": ([NOON] * 500, [1] * 500, [None] * 500, [0] * 500),
    }
    # Applications finish jobs over the pool, whose connections plan for the arguments.
    async with full.connection() if name == "FINISH_LEASED" else connected(full) as connection:
        await connection.execute("BEGIN")  # closing the connection rolls it back
        await connection.execute(
            "INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes)"
            " SELECT 0, 'leased', jsonb_build_object('n', n), $1, 13, 5 FROM generate_series(1, 20000) AS n",
            NOON,
        )
        await connection.execute("ANALYZE job")
        plan = await explain(connection, getattr(sql, name), *leases, *more.get(name, ()))
    assert scans_of_job(plan) <= ON_INDEX


async def test_a_claim_updates_no_index(full: Database) -> None:
    await full.execute("TRUNCATE job")
    for n in range(100):
        await full.execute(
            "INSERT INTO job (lane, job_type, arguments, created_at, max_retries, base_retry_minutes)"
            " VALUES (0, 'note', jsonb_build_object('n', $1::int), $2, 13, 5)",
            n,
            NOON,
        )
    async with full.transaction() as connection:
        plan = await explain_generic(connection, sql.CLAIM, 0, NOON, *START, 20, LEASE, "expired", None)
    assert plan["Actual Rows"] == 20
    async with full.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        row = await connection.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'job'"
        )
    assert tuple(row) == (20, 20)
