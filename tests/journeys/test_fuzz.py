"""Odd requests to every route: no answer is a mistake of ours, and nothing of a stranger is stored."""

import asyncio
import random

import pytest
from quart import Quart

from bot.sandbox.entry import make_pages
from bot.web.app import create_setup_web, create_web
from bot.web.server import serving
from jobq import Database
from tests.journeys.odd_requests import odd_request
from tests.journeys.whole import Whole
from tests.promises import Promise
from tests.web.raw_http import ask


async def fuzz(url: str, web: Quart, count: int, seed: int) -> list[tuple[int, bytes]]:
    """The requests that were answered with a mistake of ours, or not at all."""
    chance = random.Random(seed)  # noqa: S311
    rules = [rule.rule for rule in web.url_map.iter_rules()]
    requests = [odd_request(chance, rules) for _ in range(count)]
    limit = asyncio.Semaphore(20)

    async def check(request: bytes) -> tuple[int, bytes]:
        async with limit:
            return await ask(url, request), request

    answers = await asyncio.gather(*(check(request) for request in requests))
    return [(status, asked) for status, asked in answers if status == 0 or status >= 500]


async def count_rows(database: Database) -> dict[str, int]:
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = sorted(row["tablename"] for row in tables)
    return {name: await database.fetchval(f'SELECT count(*) FROM "{name}"') for name in names}  # noqa: S608


@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=pytest.mark.torture)])
async def test_no_odd_request_of_a_stranger_fails_or_stores_something(
    ripe: Whole, promise: Promise, count: int
) -> None:
    web = create_web(ripe.app, ripe.listeners)
    before = await count_rows(ripe.app.database)
    async with serving(web) as url:
        failed = await fuzz(url, web, count, seed=1)
    after = await count_rows(ripe.app.database)
    written = sum(after.values()) - sum(before.values())
    promise("W10", f"{count:,} odd requests to every route", f"{len(failed)} failed, {written} rows written")
    assert failed == []
    assert after == before


@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=pytest.mark.torture)])
async def test_no_odd_request_to_the_pages_of_sandbox_and_setup_fails(
    ripe: Whole, promise: Promise, count: int
) -> None:
    app, failed = ripe.app, []
    sandboxed = create_web(app, ripe.listeners, make_pages(app))
    setup = await create_setup_web(app.settings, app.database)
    for seed, web in enumerate((sandboxed, setup)):
        async with serving(web) as url:
            failed += await fuzz(url, web, count // 2, seed)
    # During the setup Slack's events are told to come again.
    failed = [(status, asked) for status, asked in failed if status != 503 or b"/slack/events" not in asked]
    promise("W10", f"{count:,} odd requests to sandbox and setup", f"{len(failed)} failed")
    assert failed == []
