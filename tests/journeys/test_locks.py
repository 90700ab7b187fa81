"""Rows are locked in one order (bot/flows/locks.py), so commands and reminders never deadlock."""

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from bot.actions.absence import come_back, go_away
from bot.actions.model import Snooze
from bot.actions.snooze import end_snoozes, snooze_everything, snooze_request
from bot.actions.undo import undo
from bot.flows.locks import lock_requests
from bot.flows.open_requests import list_open_request_ids_of_person
from bot.flows.reminder_state import load_reminder_states
from bot.model import UserError
from bot.people.model import Person
from bot.people.store import find_person_by_slack_user, lock_person, set_dm_channel
from bot.slack.messages import MUTE, SNOOZE
from jobq import Database
from tests.journeys.whole import Whole
from tests.promises import Promise

RANKS = {"repository": 0, "pull_request": 1, "review_request": 2, "person": 3}
LOCKING = re.compile(
    r"\bUPDATE\s+(?P<updated>\w+)\s+SET"
    r"|\bFROM\s+(?P<selected>\w+)(?:(?!\bFROM\b).)*?"
    r"FOR (?:(?:NO KEY )?UPDATE|SHARE)(?: OF (?P<of>\w+))?(?! SKIP)",
    re.DOTALL,
)


LOCK_REQUESTS = inspect.getsource(lock_requests)


def locked_by(sql: str) -> list[str]:
    """The tables whose rows a statement locks, in its order."""
    names = [match["updated"] or match["of"] or match["selected"] for match in LOCKING.finditer(sql)]
    return [name for name in names if name in RANKS]


def find_disorder(transaction: list[str]) -> str | None:
    """The statement that locks a row too late: after rows that come after it in the order."""
    locked: set[str] = set()
    for sql in transaction:
        for table in locked_by(sql):
            if table not in locked and any(RANKS[other] > RANKS[table] for other in locked):
                return f"locks {table} after {sorted(locked)}: {' '.join(sql.split())}"
            locked.add(table)
    return None


@pytest.mark.parametrize(
    ("transaction", "is_good"),
    [
        (
            ["SELECT id FROM pull_request WHERE id = 1 FOR NO KEY UPDATE", "UPDATE review_request SET a = 1"],
            True,
        ),
        (["UPDATE person SET a = 1", "SELECT FROM review_request WHERE id = 1 FOR UPDATE"], False),
        (["UPDATE review_request SET a = 1", "SELECT a FROM b JOIN person ON x FOR UPDATE OF person"], True),
        (["SELECT a FROM b JOIN person ON x FOR UPDATE OF person", "UPDATE pull_request SET a = 1"], False),
        ([LOCK_REQUESTS, "SELECT FROM pull_request WHERE id = 1 FOR UPDATE"], True),
        (["UPDATE person SET a = 1", LOCK_REQUESTS], False),
        (["UPDATE person SET a = 1", "UPDATE person SET b = 1", "SELECT FROM review_request"], True),
        (["UPDATE person SET a = 1", "SELECT id FROM pull_request FOR UPDATE SKIP LOCKED"], True),
        (
            ["SELECT FROM repository JOIN b ON x FOR SHARE OF repository", "UPDATE pull_request SET a = 1"],
            True,
        ),
        (["UPDATE pull_request SET a = 1", "SELECT id FROM repository FOR SHARE"], False),
    ],
)
def test_the_watch_sees_locks_out_of_order(transaction: list[str], is_good: bool) -> None:
    assert (find_disorder(transaction) is None) == is_good


@asynccontextmanager
async def watching(db: Database) -> AsyncIterator[list[list[str]]]:
    """The transactions that run on the pool in this block, each with its statements."""
    transactions: list[list[str]] = []
    watched = []
    for holder in db._pool._holders:
        if holder._con is None or holder._con.is_closed():
            await holder.connect()
        watched.append((holder._con, _logger(transactions)))
    for connection, note in watched:
        connection.add_query_logger(note)
    try:
        yield transactions
    finally:
        await asyncio.sleep(0)  # asyncpg calls its loggers in the next round of the event loop
        for connection, note in watched:
            connection.remove_query_logger(note)


def _logger(transactions: list[list[str]]) -> Callable[[Any], None]:
    current: list[str] = []

    def note(logged: Any) -> None:
        nonlocal current
        if logged.query.startswith("BEGIN"):
            current = []
            transactions.append(current)
        current.append(logged.query)

    return note


async def ana(ripe: Whole) -> Person:
    person = await find_person_by_slack_user(ripe.app.workspace_id, "U0ANA00001")
    assert person is not None
    return person


async def test_every_command_and_job_locks_in_the_order(ripe: Whole) -> None:
    async with watching(ripe.app.database) as transactions:
        first = await ripe.open_pull_request("billing/a.sql", author="ben")
        await ripe.open_pull_request("billing/b.sql", author="ben")
        for text in ("2h", "off", "until monday"):
            await ripe.slack.run_command("ana", "/snooze", text)
        await ripe.slack.run_command("ana", "/ooo", "until friday")
        await ripe.slack.run_command("ana", "/ooo", "off")
        await ripe.pass_time(hours=6)
        await press_in_newest(ripe, SNOOZE, "tomorrow")
        await press_in_newest(ripe, MUTE)
        await ripe.slack.run_command("ana", "/snooze", "off")
        ripe.github.review(first, "ana", "APPROVED")
        ripe.github.close(first)
        await ripe.pass_time(days=1)
    assert sum(bool(locked_by(sql)) for transaction in transactions for sql in transaction) > 50
    assert [disorder for each in transactions if (disorder := find_disorder(each))] == []


async def press_in_newest(ripe: Whole, action: str, value: str | None = None) -> None:
    newest = next(dm for dm in reversed(ripe.messages("ana")) if "[Mute]" in ripe.slack.rendered_text(dm))
    if value is not None:
        [value] = re.findall(rf'"(\d+:{value})"', json.dumps(newest.blocks))
    await ripe.slack.click("ana", newest.ts, action, value)


async def attempt(work: Awaitable[object], failed: list[str]) -> None:
    try:
        await work
    except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError) as error:
        failed.append(type(error).__name__)
    except UserError:
        pass  # there is nothing to undo


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.torture)])
async def test_commands_and_reminders_at_once_never_deadlock(
    ripe: Whole, promise: Promise, rounds: int
) -> None:
    for number in range(4):
        pull = await ripe.open_pull_request(f"billing/{number}.sql")
        if "ana" not in pull.requested:
            ripe.github.request_review(pull, ["ana"], by="ben")
    await ripe.settle()
    db, queue, person = ripe.app.database, ripe.app.queue, await ana(ripe)
    now = ripe.clock.now()
    later = now + timedelta(days=30)
    # A person's reviews are listed oldest first, which is not always the order of their ids.
    await db.execute("UPDATE review_request SET opened_at = $1::timestamptz - id * interval '1 s'", now)
    requests = await list_open_request_ids_of_person(person.id)
    assert len(requests) >= 4
    failed: list[str] = []

    async def decide(*request_ids: int) -> None:
        async with db.transaction():
            await load_reminder_states(request_ids, now)  # type: ignore[arg-type]
            await asyncio.sleep(0)

    async def undo_newest() -> None:
        newest = await db.fetchval("SELECT max(id) FROM action WHERE undone_at IS NULL")
        await undo(person, newest or 0, queue=queue, now=now)

    for _ in range(rounds):
        for request_id in requests:
            await snooze_request(person, request_id, Snooze(until=later), queue=queue, now=now)
        works = [
            *(end_snoozes(person, queue=queue, now=now) for _ in range(2)),
            *(decide(request_id) for request_id in requests),
            *(decide(*requests) for _ in range(2)),
            undo_newest(),
            snooze_everything(person, later, queue=queue, now=now),
            go_away(person, now, later, queue=queue, now=now),
        ]
        async with watching(db) as transactions:
            await asyncio.gather(*(attempt(work, failed) for work in works))
        failed += filter(None, map(find_disorder, transactions))
        await come_back(person, queue=queue, now=now)
    figure = f"{len(failed)} deadlocks or waits that timed out"
    promise("S8", f"{rounds} rounds of /snooze off, undo, reminders and digests at once", figure)
    assert failed == []


async def test_a_dm_on_its_way_does_not_wait_for_a_command_of_its_person(ripe: Whole) -> None:
    person, db = await ana(ripe), ripe.app.database
    async with db.transaction():
        await lock_person(person.id)
        async with asyncio.timeout(1.0):
            await asyncio.create_task(set_dm_channel(person.id, "D0NEW"))
    await set_dm_channel(person.id, "D0NEW")
    assert (await ana(ripe)).dm_channel == "D0NEW"
