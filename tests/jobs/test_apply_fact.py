"""A fact is applied as a whole or not at all, and once more without effect."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from bot.github.deliveries import DeliveryOutcome
from bot.model import PullRequestId
from bot.reviews.store import list_open_requests, list_pull_requests_by_id
from jobq import Database
from tests.jobs.facts import CHO, DEV, Bot, install_bot, refusing
from tests.payloads import ANA

RETRY = timedelta(minutes=5)
PULL_REQUEST = PullRequestId(7)


@pytest.fixture
async def bot(db: Database) -> Bot:
    return await install_bot(db)


async def open_requests(bot: Bot, pull_request_id: PullRequestId = PULL_REQUEST) -> list[str]:
    return [request.reviewer_login for request in await list_open_requests(pull_request_id)]


@pytest.mark.parametrize(
    "writes", ["INSERT ON pull_request", "INSERT ON review_request", "INSERT ON job", "UPDATE ON delivery"]
)
async def test_a_fact_that_fails_stores_nothing_and_its_next_try_applies_it(bot: Bot, writes: str) -> None:
    guid = await bot.deliver("pull_request", "opened", requested_reviewers=[ANA, DEV])
    before = await bot.rows()
    async with refusing(bot.db, writes):
        with pytest.raises(asyncpg.RaiseError):
            await bot.work()
    assert await bot.rows() == before
    assert await bot.jobs() == []
    assert await bot.outcome(guid) is DeliveryOutcome.QUEUED
    bot.clock.move(RETRY)
    await bot.work()
    assert await bot.outcome(guid) is DeliveryOutcome.APPLIED
    assert await open_requests(bot) == ["ana", "dev"]
    assert await bot.jobs() == ["assign_reviewers", "remind_reviewer", "remind_reviewer", "tell_author"]


FACTS: list[tuple[str, str, dict[str, Any]]] = [
    ("pull_request", "opened", {"requested_reviewers": [ANA]}),
    ("pull_request", "review_requested", {"requested_reviewers": [ANA, CHO], "of": CHO}),
    ("pull_request_review", "submitted", {"requested_reviewers": [CHO]}),
    ("pull_request", "synchronize", {"requested_reviewers": [CHO], "head": {"sha": "b2"}}),
    ("pull_request", "review_requested", {"requested_reviewers": [CHO, ANA], "of": ANA}),
    ("pull_request", "review_request_removed", {"requested_reviewers": [ANA], "of": CHO}),
    ("pull_request", "closed", {"requested_reviewers": [ANA], "state": "closed"}),
    ("pull_request", "reopened", {"requested_reviewers": [ANA]}),
    ("installation_repositories", "added", {"repositories_added": [{"id": 302, "full_name": "acme/web"}]}),
    ("repository", "renamed", {"repository": {"id": 301, "full_name": "acme/core"}}),
    ("installation", "suspend", {}),
    ("installation", "unsuspend", {}),
    ("repository", "archived", {"repository": {"id": 301, "full_name": "acme/core"}}),
    ("installation", "deleted", {}),
]
"""The life of a repository and its pull request, in order."""


async def test_each_fact_applied_twice_in_a_row_changes_nothing(bot: Bot) -> None:
    for event, action, changes in FACTS:
        guid = await bot.deliver(event, action, **changes)
        before = await bot.rows()
        assert await bot.apply(guid) is DeliveryOutcome.APPLIED, action
        once = await bot.rows()
        assert once != before, f"{action} is meant to change something"
        await bot.apply(guid)
        assert await bot.rows() == once, action


async def test_older_facts_applied_again_change_nothing(bot: Bot) -> None:
    guids = [await bot.deliver(event, action, **changes) for event, action, changes in FACTS[:8]]
    for guid in guids:
        await bot.apply(guid)
    before = await bot.rows()
    for guid in guids:
        await bot.apply(guid)
    assert await bot.rows() == before


async def test_a_delivery_that_was_forgotten_is_discarded(bot: Bot) -> None:
    guid = await bot.deliver("pull_request", "opened")
    await bot.db.execute("DELETE FROM delivery WHERE guid = $1", guid)
    await bot.work()
    assert await list_pull_requests_by_id([PULL_REQUEST]) == ()
    assert await bot.queue.queued() == []


@pytest.mark.parametrize("is_repository_stored", [True, False])
async def test_of_two_facts_of_a_new_pull_request_at_once_the_newer_wins(
    bot: Bot, is_repository_stored: bool
) -> None:
    if not is_repository_stored:
        await bot.db.execute("DELETE FROM repository")
        await bot.db.execute("DELETE FROM installation")
    numbers, guids = range(10, 20), []
    for number in numbers:
        old = await bot.deliver("pull_request", "opened", id=number, title="Old", requested_reviewers=[ANA])
        new = await bot.deliver("pull_request", "edited", id=number, title="New", requested_reviewers=[CHO])
        guids += [new, old]
    await asyncio.gather(*(bot.apply(guid) for guid in guids))
    titles = await bot.db.fetch("SELECT DISTINCT title FROM pull_request")
    assert [row["title"] for row in titles] == ["New"]
    assert [await open_requests(bot, PullRequestId(number)) for number in numbers] == [
        ["cho"] for _ in numbers
    ]


async def test_facts_at_the_same_time_as_the_removal_of_their_repository_leave_no_open_request(
    bot: Bot,
) -> None:
    guids = [
        await bot.deliver(
            "pull_request", "opened", id=number, requested_reviewers=[ANA], updated_at="2026-11-23T12:00:00Z"
        )
        for number in range(10, 20)
    ]
    removed = [{"id": 301, "full_name": "acme/api"}]
    gone = await bot.deliver(
        "installation_repositories", "removed", repositories_added=[], repositories_removed=removed
    )
    await asyncio.gather(*(bot.apply(guid) for guid in (*guids[:5], gone, *guids[5:])))
    assert await bot.db.fetchval("SELECT count(*) FROM review_request WHERE closed_at IS NULL") == 0


async def test_a_date_that_is_still_to_come_makes_no_later_fact_old_news(bot: Bot) -> None:
    await bot.deliver(
        "pull_request", "opened", requested_reviewers=[ANA], updated_at="2099-01-01T00:00:00+00:00"
    )
    await bot.work()
    assert await open_requests(bot) == ["ana"]
    bot.clock.move(RETRY)
    await bot.deliver("pull_request", "closed", requested_reviewers=[ANA], state="closed")
    await bot.work()
    assert await open_requests(bot) == []
