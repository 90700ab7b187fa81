"""Postgres freezes, dies or becomes a standby while GitHub delivers: an answer in time, and nothing twice."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr
from quart import Quart

from bot.clock import Clock
from bot.encryption import tls_context
from bot.github.signature import sign
from bot.web.app import CAPS, finish_web
from bot.web.health import health_blueprint
from bot.web.server import serving
from bot.web.webhooks import ANSWER_WITHIN, PATH, accept_webhooks
from jobq import Database, Queue
from tests.jobq.torture.proxy import proxied
from tests.payloads import pull_request_payload
from tests.promises import Promise

SECRET = SecretStr("secret")
BODY = json.dumps(pull_request_payload("opened")).encode()


@asynccontextmanager
async def receiving(dsn: str, within: float = ANSWER_WITHIN) -> AsyncIterator[httpx.AsyncClient]:
    async with Database(dsn) as database:
        web = Quart("test")
        accept_webhooks(web, [SECRET], Queue(database), Clock(), within=within)
        web.register_blueprint(health_blueprint(database))
        finish_web(web, database, CAPS)
        async with (
            serving(web) as url,
            httpx.AsyncClient(base_url=url, verify=tls_context(), timeout=30) as client,
        ):
            yield client


async def deliver(client: httpx.AsyncClient, number: int) -> int:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": f"guid-{number}",
        "X-Hub-Signature-256": sign(BODY, SECRET),
    }
    return (await client.post(PATH, content=BODY, headers=headers)).status_code


async def deliver_all(client: httpx.AsyncClient, count: int) -> list[int]:
    return await asyncio.gather(*(deliver(client, number) for number in range(count)))


async def readiness(client: httpx.AsyncClient) -> int:
    return (await client.get("/readyz")).status_code


async def count_deliveries(db: Database) -> int:
    count: int = await db.fetchval("SELECT count(*) FROM delivery")
    return count


@pytest.mark.parametrize(
    ("count", "within"), [(20, 1.5), pytest.param(100, ANSWER_WITHIN, marks=pytest.mark.torture)]
)
async def test_a_frozen_postgres_is_answered_for_in_time_and_each_delivery_is_stored_once(
    db: Database, dsn: str, promise: Promise, count: int, within: float
) -> None:
    async with proxied(dsn) as proxy, receiving(proxy.dsn, within) as client:
        assert await deliver(client, 0) == 202
        proxy.fall_silent()
        began = time.monotonic()
        frozen = await deliver_all(client, count)
        seconds = time.monotonic() - began
        ready = await readiness(client)
        proxy.heal()
        again = await deliver_all(client, count)
    stored = await count_deliveries(db)
    figure = (
        f"503 to {frozen.count(503)} in {seconds:.1f} s; again: {again.count(202)} accepted, {stored} stored"
    )
    promise("W11", f"{count} deliveries while Postgres is frozen", figure)
    assert frozen == [503] * count
    assert seconds <= min(within + 2, 8)
    assert ready == 503
    assert again == [202] * count
    assert stored == count


@pytest.mark.parametrize("count", [5, pytest.param(100, marks=pytest.mark.torture)])
async def test_a_standby_is_answered_for_and_left_as_soon_as_writes_are_possible(
    db: Database, dsn: str, promise: Promise, count: int
) -> None:
    name = urlsplit(dsn).path[1:]
    async with receiving(dsn) as client:
        assert await deliver(client, 0) == 202
        try:
            await db.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            await cut(db)
            read_only, ready = await deliver_all(client, count), await readiness(client)
        finally:
            await db.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        # The connections to the standby are still open, and would refuse writes for ever.
        again, ready_again = await deliver_all(client, count), await readiness(client)
    stored = await count_deliveries(db)
    figure = f"503 to {read_only.count(503)}; again: {again.count(202)} accepted, {stored} stored"
    promise("W11", f"{count} deliveries while Postgres is read-only", figure)
    assert set(read_only[1:]) == {503}
    assert (ready, ready_again) == (503, 200)
    assert again == [202] * count
    assert stored == count


@pytest.mark.parametrize("count", [30, pytest.param(100, marks=pytest.mark.torture)])
async def test_a_delivery_whose_connection_was_cut_is_not_remembered(
    db: Database, dsn: str, promise: Promise, count: int
) -> None:
    async with receiving(dsn) as client:
        deliveries = asyncio.create_task(deliver_all(client, count))
        while not deliveries.done():
            await cut(db)
            await asyncio.wait({deliveries}, timeout=0.02)
        first, again = deliveries.result(), await deliver_all(client, count)
    stored = await count_deliveries(db)
    figure = f"{first.count(503)} refused; again: {again.count(202)} accepted, {stored} stored"
    promise("W5", f"Postgres cut during {count} accepts", figure)
    assert set(first) <= {202, 503}
    assert again == [202] * count
    assert stored == count


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.torture)])
async def test_a_delivery_that_comes_five_times_at_once_is_stored_once(
    db: Database, dsn: str, promise: Promise, count: int
) -> None:
    async with receiving(dsn) as client:
        answers: list[int] = []
        for first in range(0, count, 20):
            numbers = [first + number % 20 for number in range(100)]
            answers += await asyncio.gather(*(deliver(client, number) for number in numbers))
    stored, queued = await count_deliveries(db), await db.fetchval("SELECT count(*) FROM job")
    figure = f"{answers.count(202)} accepted, {stored} stored, {queued} jobs"
    promise("W4", f"{count} GUIDs x 5 at once", figure)
    assert answers == [202] * 5 * count
    assert (stored, queued) == (count, count)


async def cut(db: Database) -> None:
    """End every other connection to the test's database."""
    await db.execute(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
