"""The sandbox's news come as they happen, and go on after the last item that a browser saw."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from bot.sandbox.jobs import reporting_jobs
from bot.sandbox.news import MOST_KEPT, News
from jobq import ClaimedJob, Database, Job, Postpone, Queue
from jobq.testing import drain

NOW = datetime(2037, 11, 23, 9, 0, tzinfo=UTC)
AT_ONCE = 0.0
"""Seconds: what is there, and no waiting for more."""


def new_news() -> News:
    return News(lambda: NOW)


async def read(news: News, after: str = "", lasts: float = AT_ONCE) -> dict[str, str]:
    """The texts of the items, by id."""
    texts: dict[str, str] = {}
    async for event in news.follow(after, lasts):
        fields = dict(line.split(": ", 1) for line in event.decode().splitlines() if line)
        if "data" in fields:
            texts[fields["id"]] = json.loads(fields["data"])["text"]
    return texts


async def test_a_latecomer_gets_the_stored_items_and_a_reconnect_only_new_ones() -> None:
    news = new_news()
    news.add("job", "one")
    first = await read(news)
    assert [*first.values()] == ["one"]
    news.add("job", "two")
    assert [*(await read(news, after=[*first][-1])).values()] == ["two"]


async def test_news_are_sent_at_once() -> None:
    news = new_news()

    async def happen() -> None:
        news.add("clock", "time passed")
        news.close()

    async with asyncio.TaskGroup() as group:
        following = group.create_task(read(news, lasts=30))  # begins first, and so waits already
        group.create_task(happen())
    assert [*following.result().values()] == ["time passed"]


async def test_an_answer_ends_by_itself_before_the_server_drops_it() -> None:
    assert await asyncio.wait_for(read(new_news(), lasts=0.05), 5) == {}


async def test_memory_is_bounded() -> None:
    news = new_news()
    for number in range(MOST_KEPT + 50):
        news.add("job", str(number))
    texts = [*(await read(news)).values()]
    assert (len(texts), texts[0], texts[-1]) == (MOST_KEPT, "50", str(MOST_KEPT + 49))


async def test_after_a_restart_the_old_ids_mean_nothing() -> None:
    before, after = new_news(), new_news()
    before.add("job", "old")
    [seen] = await read(before)
    after.add("job", "new")
    assert [*(await read(after, after=seen)).values()] == ["new"]
    for nonsense in ("", "-", "x-1", seen.partition("-")[0], f"{seen}x"):
        assert [*(await read(after, after=nonsense)).values()] == ["new"]


async def test_the_outcome_of_each_job_is_news_and_nothing_stays_in_the_database(db: Database) -> None:
    async def later(_: ClaimedJob) -> Postpone:
        return Postpone(datetime(2037, 11, 24, tzinfo=UTC))

    async def fine(_: ClaimedJob) -> None:
        return None

    async def wrong(_: ClaimedJob) -> None:
        raise ValueError("no such thing")

    news, queue = new_news(), Queue(db, lambda: NOW)
    async with reporting_jobs(db, news):
        await queue.save_all(Job(job_type=kind, arguments={"id": 7}) for kind in ("later", "fine"))
        await queue.save(Job(job_type="wrong", arguments={"id": 7}))
        with pytest.raises(ValueError, match="no such thing"):
            await drain(queue, {"later": later, "fine": fine, "wrong": wrong})
        outcomes_by_text = await outcomes(news, 3)
    assert outcomes_by_text["fine 7"] == ("done", True, None)
    assert outcomes_by_text["later 7"] == ("postponed", True, "2037-11-24T00:00:00Z")
    assert outcomes_by_text["wrong 7"][0].startswith("tried again: ValueError: no such thing")
    assert not outcomes_by_text["wrong 7"][1]
    assert await db.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'sandbox%'") == 0


async def outcomes(news: News, wanted: int) -> dict[str, tuple[str, bool, str | None]]:
    """The first `wanted` items, by their text."""
    outcomes_by_text: dict[str, tuple[str, bool, str | None]] = {}
    async for event in news.follow("", 30):
        if b"data: " in event:
            item = json.loads(event.partition(b"data: ")[2])
            outcomes_by_text[item["text"]] = (item["outcome"], item["is_ok"], item["until"])
        if len(outcomes_by_text) == wanted:
            return outcomes_by_text
    raise AssertionError(f"some outcomes are missing: {outcomes_by_text}")
