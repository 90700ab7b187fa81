"""The nightly repair: every open review request has a job again, even if an earlier repair died halfway."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from bot.flows.catalog import REPAIR, Lane, remind_reviewer_job
from bot.jobs.repair import repair
from bot.model import RequestId
from bot.reviews.model import CloseReason
from bot.reviews.store import close_review_requests
from jobq import ClaimedJob, Database, Job, Queue
from tests.actions.world import World, found_world
from tests.factories import MONDAY

TONIGHT = ClaimedJob(1, REPAIR, "{}", MONDAY, MONDAY, Lane.FACTS, 1, 1, 13, 5, None)


class DyingQueue(Queue):
    """Saves one page, then the process dies."""

    pages = 0

    async def save_all(self, jobs: Iterable[Job]) -> None:
        if self.pages:
            raise ConnectionError("died")
        self.pages += 1
        await super().save_all(jobs)


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)


@pytest.fixture
async def requests(world: World) -> list[RequestId]:
    """Five open requests, and one that was closed between them."""
    asked = [await world.ask("ana", number) for number in range(12, 18)]
    closed = asked.pop(2)
    await close_review_requests([(closed, CloseReason.APPROVED)], world.now)
    return asked


async def test_the_job_of_every_open_request_is_saved_for_now(
    world: World, requests: list[RequestId]
) -> None:
    await repair(TONIGHT, queue=world.queue, page=2)
    assert await world.jobs() == requests


async def test_a_job_that_waits_looks_again_now(world: World, requests: list[RequestId]) -> None:
    await world.queue.save(remind_reviewer_job(requests[0]).runs_at(world.now + timedelta(days=9)))
    await repair(TONIGHT, queue=world.queue)
    assert await world.jobs() == requests


async def test_a_repair_that_died_halfway_is_done_by_the_next_one(
    world: World, requests: list[RequestId]
) -> None:
    with pytest.raises(ConnectionError):
        await repair(TONIGHT, queue=DyingQueue(world.db, world.clock.now), page=2)
    assert len(await world.queue.queued()) == 2
    await repair(TONIGHT, queue=world.queue, page=2)
    assert await world.jobs() == requests


async def test_without_open_requests_nothing_is_saved(world: World) -> None:
    await repair(TONIGHT, queue=world.queue)
    assert await world.queue.queued() == []
