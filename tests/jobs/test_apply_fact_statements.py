"""How many statements a fact about a pull request costs, which must not grow unseen."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.flows.catalog import Lane
from bot.github.deliveries import DeliveryOutcome
from bot.jobs.apply_fact import apply_facts
from jobq import Database
from jobq.claims import claim
from tests.counting import counted
from tests.jobs.facts import CHO, DEV, Bot, install_bot
from tests.payloads import ANA


@pytest.fixture
async def bot(dsn: str) -> AsyncIterator[Bot]:
    """On one connection, which has looked up the types of Postgres once the App is installed."""
    async with Database(dsn, max_size=1) as db:
        yield await install_bot(db)


async def cost_of(bot: Bot, event: str, action: str, **changes: Any) -> int:
    """How many statements it takes to apply a fact, from reading its delivery to the end."""
    guid = await bot.deliver(event, action, **changes)
    async with counted(bot.db) as count:
        assert await bot.apply(guid) is DeliveryOutcome.APPLIED
    # Workers are woken after the transaction, and the test reads the outcome.
    return sum(not statement.startswith("NOTIFY") for statement in count.statements) - 1


async def test_opened_with_two_reviewers(bot: Bot) -> None:
    assert await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, DEV]) <= 9


async def test_opened_with_no_reviewer(bot: Bot) -> None:
    assert await cost_of(bot, "pull_request", "opened") <= 7


async def test_review_requested_beside_another_one(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA])
    count = await cost_of(bot, "pull_request", "review_requested", of=CHO, requested_reviewers=[ANA, CHO])
    assert count <= 10


async def test_review_requested_again_after_a_reply(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, CHO])
    await cost_of(bot, "pull_request_review", "submitted", state="commented", requested_reviewers=[ANA, CHO])
    count = await cost_of(bot, "pull_request", "review_requested", of=ANA, requested_reviewers=[ANA, CHO])
    assert count <= 10


async def test_a_review_submitted_beside_another_open_request(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert await cost_of(bot, "pull_request_review", "submitted", requested_reviewers=[CHO]) <= 10


async def test_closed_with_two_open_requests(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert await cost_of(bot, "pull_request", "closed", requested_reviewers=[ANA, CHO], state="closed") <= 9


async def test_synchronize_with_two_open_requests(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, CHO])
    count = await cost_of(
        bot, "pull_request", "synchronize", requested_reviewers=[ANA, CHO], head={"sha": "b2"}
    )
    assert count <= 8


async def test_an_edit_that_ends_two_snoozes(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, CHO])
    await bot.db.execute("UPDATE review_request SET snoozed_until_change = true")
    assert (
        await cost_of(bot, "pull_request", "edited", requested_reviewers=[ANA, CHO], title="Round down") <= 9
    )


async def test_fifty_facts_at_once_cost_as_much_as_one_and_their_jobs_are_finished(bot: Bot) -> None:
    await cost_of(bot, "pull_request", "opened", requested_reviewers=[ANA, DEV])
    await bot.db.execute("DELETE FROM job")
    for number in range(100, 150):
        await bot.deliver("pull_request", "opened", id=number, requested_reviewers=[ANA, DEV])
    async with bot.db.connection() as connection:
        jobs = (await claim(connection, Lane.FACTS, bot.queue.now(), 50)).jobs
    async with counted(bot.db) as count:
        assert await apply_facts(jobs, queue=bot.queue) == [None] * 50
    assert sum(not statement.startswith("NOTIFY") for statement in count.statements) <= 9, count.describe()
