"""Deliveries that arrive during a commit are stored with one statement; none suffers for another."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from bot.github.deliveries import Delivery, DeliveryOutcome, find_delivery
from bot.github.model import Account, InstallationAction, InstallationFact, Ping
from bot.model import AccountId, InstallationId
from bot.web.delivery_writer import LARGEST_BATCH, DeliveryWriter
from jobq import Database, DatabaseUnavailableError, Job, Queue
from tests.factories import MONDAY

WITHIN = 5.0


def delivery(guid: str, note: str = "", outcome: DeliveryOutcome = DeliveryOutcome.APPLIED) -> Delivery:
    return Delivery(
        guid=guid, workspace_id=None, event="ping", action="", received_at=MONDAY, fact=Ping(),
        outcome=outcome, note=note,
    )  # fmt: skip


class WatchedQueue(Queue):
    """Keeps the GUIDs of each statement, and calls `before` with them first."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.batches: list[list[str]] = []
        self.failures: list[Exception] = []
        self.frozen = asyncio.Event()
        self.frozen.set()

    async def save_with(self, statement: str, jobs: Mapping[str, Job], *arguments: object) -> list[Any]:
        self.batches.append(list(jobs))
        if "slow" in jobs:
            await asyncio.sleep(0.6)
        await self.frozen.wait()
        if self.failures:
            raise self.failures.pop(0)
        return await super().save_with(statement, jobs, *arguments)


@pytest.fixture
def queue(db: Database) -> WatchedQueue:
    return WatchedQueue(db)


async def store_all(writer: DeliveryWriter, *deliveries: Delivery) -> list[Any]:
    """The outcome of each, or the error."""
    stored = await asyncio.gather(
        *(writer.store(each, WITHIN) for each in deliveries), return_exceptions=True
    )
    return list(stored)


async def test_what_arrives_at_once_is_one_statement(queue: WatchedQueue) -> None:
    deliveries = [delivery(f"guid-{number}") for number in range(40)]
    assert set(await store_all(DeliveryWriter(queue), *deliveries)) == {DeliveryOutcome.APPLIED}
    assert [len(batch) for batch in queue.batches] == [40]


async def test_what_arrives_during_a_commit_goes_with_the_next_but_not_too_many(queue: WatchedQueue) -> None:
    writer = DeliveryWriter(queue)
    queue.frozen.clear()
    first = asyncio.create_task(store_all(writer, delivery("first")))
    await asyncio.sleep(0.02)
    others = [delivery(f"guid-{number}") for number in range(LARGEST_BATCH + 10)]
    rest = asyncio.create_task(store_all(writer, *others))
    await asyncio.sleep(0.02)
    queue.frozen.set()
    await asyncio.gather(first, rest)
    assert [len(batch) for batch in queue.batches] == [1, LARGEST_BATCH, 10]


async def test_the_same_guid_twice_at_once_is_stored_once(queue: WatchedQueue) -> None:
    twice = await store_all(DeliveryWriter(queue), delivery("a"), delivery("b"), delivery("a"))
    assert twice == [DeliveryOutcome.APPLIED, DeliveryOutcome.APPLIED, None]
    assert queue.batches == [["a", "b"], ["a"]]


async def test_a_delivery_that_postgres_refuses_fails_alone(db: Database, queue: WatchedQueue) -> None:
    refused = delivery("refused", note="a\0b")
    stored = await store_all(DeliveryWriter(queue), delivery("a"), refused, delivery("b"))
    assert [stored[0], stored[2]] == [DeliveryOutcome.APPLIED] * 2
    assert isinstance(stored[1], asyncpg.DataError)
    assert queue.batches == [["a", "refused", "b"]]
    with db.ambient():
        assert await find_delivery("b") is not None


@pytest.mark.parametrize("error", [asyncpg.DeadlockDetectedError, asyncpg.ConnectionDoesNotExistError])
async def test_a_batch_is_tried_twice(queue: WatchedQueue, error: type[Exception]) -> None:
    queue.failures = [error("for a moment")]
    stored = await store_all(DeliveryWriter(queue), delivery("a"), delivery("b"))
    assert stored == [DeliveryOutcome.APPLIED] * 2
    assert queue.batches == [["a", "b"]] * 2


async def test_without_a_database_a_whole_batch_fails_at_once(queue: WatchedQueue) -> None:
    queue.failures = [DatabaseUnavailableError("refused")] * 2
    stored = await store_all(DeliveryWriter(queue), delivery("a"), delivery("b"))
    assert [type(each) for each in stored] == [DatabaseUnavailableError] * 2
    assert queue.batches == [["a", "b"]] * 2


async def test_a_batch_that_waits_for_a_lock_does_not_hold_up_the_next(queue: WatchedQueue) -> None:
    writer = DeliveryWriter(queue)
    slow = asyncio.create_task(store_all(writer, delivery("slow")))
    await asyncio.sleep(0.02)
    assert await store_all(writer, delivery("quick")) == [DeliveryOutcome.APPLIED]
    assert not slow.done()
    assert await slow == [DeliveryOutcome.APPLIED]


async def test_a_delivery_that_waits_too_long_is_answered_for_and_not_stored_later(
    db: Database, queue: WatchedQueue
) -> None:
    writer = DeliveryWriter(queue)
    queue.frozen.clear()
    first = asyncio.create_task(writer.store(delivery("first"), WITHIN))
    await asyncio.sleep(0.02)
    with pytest.raises(DatabaseUnavailableError):
        await writer.store(delivery("late"), 0.1)
    queue.frozen.set()
    await first
    assert await store_all(writer, delivery("next")) == [DeliveryOutcome.APPLIED]
    with db.ambient():
        assert await find_delivery("late") is None


async def test_workers_are_woken_once_for_a_batch(queue: WatchedQueue) -> None:
    woken: list[object] = []
    queue.notifier.subscribe(woken.append)
    batch = [delivery(f"guid-{number}", outcome=DeliveryOutcome.QUEUED) for number in range(20)]
    assert await store_all(DeliveryWriter(queue), *batch) == [DeliveryOutcome.QUEUED] * 20
    assert len(woken) == 1


async def test_facts_of_an_installation_that_nobody_knows_are_stored_alone(queue: WatchedQueue) -> None:
    acme = Account(id=AccountId(100), login="acme")
    created = InstallationFact(
        action=InstallationAction.CREATED, installation_id=InstallationId(5), account=acme, permissions={}
    )
    facts = [
        delivery(guid, outcome=DeliveryOutcome.QUEUED).model_copy(update={"fact": created}) for guid in "ab"
    ]
    writer = DeliveryWriter(queue)
    stored = await store_all(writer, facts[0], delivery("ping"), facts[1])
    assert stored == [DeliveryOutcome.QUEUED, DeliveryOutcome.APPLIED, DeliveryOutcome.QUEUED]
    assert await store_all(writer, *facts) == [None, None]
    assert queue.batches == [["a", "ping", "b"], ["a", "b"]]
    assert len(await queue.queued()) == 2
