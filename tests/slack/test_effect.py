"""Each request of Slack has one effect, and a true answer in time."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from bot.clock import Clock
from bot.model import UserError, WorkspaceId
from bot.slack.effect import MAYBE_SAVED, NOT_SAVED, OncePerRequest
from jobq import Database, current_database

ACME = WorkspaceId(1)


async def name_person(name: str) -> str:
    await current_database().execute(
        "INSERT INTO person (workspace_id, slack_user_id, name, zone) VALUES (1, $1, $1, 'UTC')", name
    )
    return name


def naming(name: str) -> Callable[[], Awaitable[str]]:
    async def work() -> str:
        return await name_person(name)

    return work


async def names(db: Database) -> list[str]:
    return [row["name"] for row in await db.fetch("SELECT name FROM person ORDER BY name")]


@pytest.fixture
async def requests(db: Database) -> OncePerRequest:
    return OncePerRequest(Clock(), within=0.2)


async def test_the_same_request_four_times_has_one_effect(db: Database, requests: OncePerRequest) -> None:
    outcomes = [await requests.run(ACME, "event:Ev1", naming(f"U{number}")) for number in range(4)]
    assert outcomes == ["U0", None, None, None]
    assert await names(db) == ["U0"]


async def test_the_same_request_four_times_at_once_has_one_effect(
    db: Database, requests: OncePerRequest
) -> None:
    outcomes = await asyncio.gather(
        *(requests.run(ACME, "event:Ev1", naming(f"U{number}")) for number in range(4))
    )
    assert len([outcome for outcome in outcomes if outcome]) == 1
    assert len(await names(db)) == 1


async def test_a_request_that_failed_may_be_repeated(db: Database, requests: OncePerRequest) -> None:
    async def fail() -> str:
        await name_person("U1")
        raise LookupError

    with pytest.raises(LookupError):
        await requests.run(ACME, "event:Ev1", fail)
    assert await names(db) == []
    assert await requests.run(ACME, "event:Ev1", naming("U2")) == "U2"


async def test_work_that_takes_too_long_is_not_saved_later(db: Database, requests: OncePerRequest) -> None:
    release, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        try:
            await name_person("U1")
            await release.wait()
            return "late"
        finally:
            ended.set()

    with pytest.raises(UserError, match=re.escape(NOT_SAVED)):
        await requests.run(ACME, "event:Ev1", slow)
    release.set()
    await asyncio.wait_for(ended.wait(), 10)
    await requests.finish()
    assert await names(db) == []
    assert await requests.run(ACME, "event:Ev1", naming("U2")) == "U2"


async def test_a_request_that_waits_for_a_lock_is_answered_in_time(
    db: Database, requests: OncePerRequest
) -> None:
    holder = await db.connect()
    try:
        await holder.execute("BEGIN; LOCK TABLE person")
        with pytest.raises(UserError, match=re.escape(NOT_SAVED)):
            await requests.run(ACME, "event:Ev1", naming("U1"))
    finally:
        await holder.close()
    await requests.finish()
    assert await names(db) == []


async def test_a_commit_that_hangs_is_reported_as_maybe_saved(db: Database, requests: OncePerRequest) -> None:
    holder = await db.connect()
    # A deferred constraint is checked at the commit, which then waits for the lock.
    await db.execute(
        """
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO parent VALUES (1);
        """
    )

    async def work() -> str:
        await current_database().execute("INSERT INTO child VALUES (1)")
        return "done"

    try:
        await holder.execute("BEGIN; SELECT FROM parent FOR UPDATE")
        with pytest.raises(UserError, match=re.escape(MAYBE_SAVED)):
            await requests.run(ACME, "event:Ev1", work)
        await holder.execute("COMMIT")
    finally:
        await holder.close()
    await requests.finish()
    assert await db.fetchval("SELECT count(*) FROM child") == 1
