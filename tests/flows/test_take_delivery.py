"""A delivery is stored once, and with its job or not at all."""

import asyncio

import asyncpg
import pytest

from bot.flows.take_delivery import take_deliveries, take_delivery
from bot.github.deliveries import Delivery, DeliveryOutcome, find_delivery
from bot.github.model import Account, Fact, InstallationAction, InstallationFact, Ping
from bot.model import AccountId, InstallationId
from jobq import Database, Queue
from tests.counting import counted
from tests.factories import MONDAY
from tests.jobs.facts import refusing

ACME = Account(id=AccountId(100), login="acme")
CREATED = InstallationFact(
    action=InstallationAction.CREATED, installation_id=InstallationId(5), account=ACME, permissions={}
)


def delivery(
    fact: Fact | None = CREATED,
    outcome: DeliveryOutcome = DeliveryOutcome.QUEUED,
    guid: str = "guid-1",
) -> Delivery:
    return Delivery(
        guid=guid, workspace_id=None, event="installation", action="created", received_at=MONDAY,
        fact=fact, outcome=outcome,
    )  # fmt: skip


@pytest.fixture
def queue(db: Database) -> Queue:
    return Queue(db)


async def queued_guids(queue: Queue) -> list[object]:
    return [queued.job.arguments["guid"] for queued in await queue.queued()]


async def test_a_delivery_is_stored_with_the_job_that_applies_it(queue: Queue) -> None:
    assert await take_delivery(delivery(), queue) is DeliveryOutcome.QUEUED
    stored = await find_delivery("guid-1")
    assert stored is not None
    assert stored.fact == CREATED
    assert await queued_guids(queue) == ["guid-1"]


async def test_a_guid_that_is_stored_already_changes_nothing(queue: Queue) -> None:
    await take_delivery(delivery(), queue)
    await queue.database.execute("DELETE FROM job")
    assert await take_delivery(delivery(Ping(), DeliveryOutcome.APPLIED), queue) is None
    stored = await find_delivery("guid-1")
    assert stored is not None
    assert (stored.fact, stored.outcome) == (CREATED, DeliveryOutcome.QUEUED)
    assert await queued_guids(queue) == []


async def test_of_the_same_guid_at_once_one_is_stored(queue: Queue) -> None:
    outcomes = await asyncio.gather(*(take_delivery(delivery(), queue) for _ in range(5)))
    assert sorted(outcomes, key=str) == [None] * 4 + [DeliveryOutcome.QUEUED]
    assert await queued_guids(queue) == ["guid-1"]


async def test_without_its_job_a_delivery_is_not_stored_so_github_may_send_it_again(queue: Queue) -> None:
    async with refusing(queue.database, "INSERT ON job"):
        with pytest.raises(asyncpg.RaiseError):
            await take_delivery(delivery(), queue)
    assert await find_delivery("guid-1") is None
    assert await take_delivery(delivery(), queue) is DeliveryOutcome.QUEUED


async def test_an_event_that_is_not_followed_is_stored_without_a_job(queue: Queue) -> None:
    assert await take_delivery(delivery(None, DeliveryOutcome.IGNORED), queue) is DeliveryOutcome.IGNORED
    assert await queued_guids(queue) == []


async def test_a_fact_of_an_installation_without_a_workspace_is_dropped(queue: Queue) -> None:
    await queue.database.execute("INSERT INTO workspace (slack_team_id, name) VALUES ('T2', 'Beta')")
    assert await take_delivery(delivery(), queue) is DeliveryOutcome.IGNORED
    stored = await find_delivery("guid-1")
    assert stored is not None
    assert (stored.fact, stored.note) == (None, "joins no workspace yet")
    asked = [queued.job.arguments["workspace_id"] for queued in await queue.queued()]
    assert asked == [1, 2], "the admins of both"


async def test_many_are_stored_with_one_statement_each_as_if_it_came_alone(queue: Queue) -> None:
    await take_delivery(delivery(guid="known"), queue)
    await take_deliveries([delivery(None, DeliveryOutcome.REJECTED, "unreadable")], queue)
    batch = [
        delivery(guid="new"),
        delivery(guid="known"),
        delivery(guid="unreadable"),
        delivery(None, DeliveryOutcome.IGNORED, "star"),
        delivery(Ping(), DeliveryOutcome.APPLIED, "ping"),
        delivery(None, DeliveryOutcome.REJECTED, "odd"),
    ]
    async with counted(queue.database) as count:
        taken = await take_deliveries(batch, queue)
    assert taken == {
        "new": "queued", "unreadable": "queued", "star": "ignored", "ping": "applied", "odd": "rejected",
    }  # fmt: skip
    assert sorted(map(str, await queued_guids(queue))) == ["known", "new", "unreadable"]
    assert [statement[:6] for statement in count.statements if "NOTIFY" not in statement] == ["-- Run"]


async def test_two_batches_with_the_same_guids_in_another_order_do_not_deadlock(queue: Queue) -> None:
    await take_delivery(delivery(guid="of the first account"), queue)
    guids = [f"guid-{number}" for number in range(40)]
    batches = [[delivery(guid=guid) for guid in order] for order in (guids, guids[::-1])]
    for _ in range(5):
        taken = await asyncio.gather(*(take_deliveries(batch, queue) for batch in batches))
        assert sorted(guid for each in taken for guid in each) == sorted(guids)
        await queue.database.execute("DELETE FROM delivery")


async def test_a_fact_of_an_unknown_installation_is_left_to_the_careful_way(queue: Queue) -> None:
    batch = [delivery(guid="new"), delivery(Ping(), DeliveryOutcome.APPLIED, "ping")]
    assert await take_deliveries(batch, queue) == {"ping": "applied"}
    assert await take_delivery(batch[0], queue) is DeliveryOutcome.QUEUED
