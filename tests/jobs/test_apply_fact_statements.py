"""How many statements a fact about a pull request costs, which must not grow unseen."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from bot.flows.catalog import apply_fact_job
from bot.flows.take_delivery import take_delivery
from bot.github.deliveries import Delivery, Outcome, find_delivery
from bot.github.payloads import parse_event
from bot.github.store import find_first_workspace
from bot.jobs.apply_fact import apply_fact
from bot.model import AccountId
from bot.people.store import map_account, upsert_person
from jobq import ClaimedJob, Database, Queue
from tests.actions.world import StoppedClock
from tests.factories import ANA, BEN, account, installation_payload, pull_request_payload, review_payload
from tests.slack.examples import MONDAY

CHO, DEV = account("cho", 203), account("dev", 204)
FRAMING = ("BEGIN", "SAVEPOINT", "RELEASE")


@dataclass
class Counted:
    """A bot on one connection, whose statements are counted. Each fact comes a minute after the last."""

    queue: Queue
    clock: StoppedClock
    statements: list[str]
    minutes: int = 0

    async def apply(self, event: str, action: str, **changes: Any) -> int:
        """Delivers a fact and applies it; how many statements the applying took."""
        guid = await self.deliver(event, action, **changes)
        await asyncio.sleep(0)  # asyncpg logs a statement in the next turn of the event loop
        self.statements.clear()
        await apply_fact(self.claim(guid), queue=self.queue, clock=self.clock)
        await asyncio.sleep(0)
        statements = self.statements[: self.statements.index("COMMIT;")]
        delivery = await find_delivery(guid)
        assert delivery is not None
        assert delivery.outcome is Outcome.APPLIED
        return len(statements)

    async def deliver(self, event: str, action: str, **changes: Any) -> str:
        self.minutes += 1
        changes = {"updated_at": f"2026-11-23T12:{self.minutes:02}:00Z", **changes}
        payload = {
            "pull_request": lambda: pull_request_payload(action, **changes),
            "pull_request_review": lambda: review_payload(**changes),
            "installation": lambda: installation_payload(action),
        }[event]()
        if "review" in payload:
            payload["review"]["submitted_at"] = changes["updated_at"]
        delivery = Delivery(
            guid=f"guid-{self.minutes}",
            workspace_id=None,
            event=event,
            action=action,
            received_at=self.clock.now(),
            fact=parse_event(event, json.dumps(payload).encode()),
            outcome=Outcome.QUEUED,
        )
        await take_delivery(delivery, self.queue)
        return delivery.guid

    def claim(self, guid: str) -> ClaimedJob:
        job = apply_fact_job(guid)
        arguments = json.dumps(job.arguments)
        return ClaimedJob(1, job.job_type, arguments, MONDAY, MONDAY, job.lane, 1, 1, 13, 5, None)

    def log(self, record: asyncpg.connection.LoggedQuery) -> None:
        if not record.query.startswith(FRAMING):
            self.statements.append(record.query)


@pytest.fixture
async def bot(dsn: str) -> AsyncIterator[Counted]:
    """Installed on acme/api; of Ana, Cho and Dev it knows Ana and Cho."""
    clock = StoppedClock()
    async with Database(dsn, max_size=1) as db:
        counted = Counted(Queue(db, clock.now), clock, [])
        workspace_id = await find_first_workspace()
        for person in (ANA, CHO):
            person_id = await upsert_person(
                workspace_id, f"U{person['id']}", person["login"], "Europe/Berlin"
            )
            await map_account(workspace_id, AccountId(person["id"]), person["login"], person_id)
        async with db.connection() as connection:
            connection.add_query_logger(counted.log)
        await counted.apply("installation", "created")
        yield counted


async def test_opened_with_two_reviewers(bot: Counted) -> None:
    assert await bot.apply("pull_request", "opened", requested_reviewers=[ANA, DEV]) <= 24


async def test_opened_with_nobody_asked(bot: Counted) -> None:
    assert await bot.apply("pull_request", "opened") <= 18


async def test_review_requested_beside_another_one(bot: Counted) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA])
    more = {"requested_reviewer": CHO}
    assert (
        await bot.apply("pull_request", "review_requested", requested_reviewers=[ANA, CHO], more=more) <= 19
    )


async def test_review_requested_again_of_whom_has_replied(bot: Counted) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    await bot.apply("pull_request_review", "submitted", state="commented", requested_reviewers=[ANA, CHO])
    more = {"requested_reviewer": ANA}
    assert (
        await bot.apply("pull_request", "review_requested", requested_reviewers=[ANA, CHO], more=more) <= 20
    )


async def test_a_review_submitted_while_another_one_is_open(bot: Counted) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert await bot.apply("pull_request_review", "submitted", requested_reviewers=[CHO]) <= 18


async def test_closed_with_two_open_requests(bot: Counted) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert await bot.apply("pull_request", "closed", requested_reviewers=[ANA, CHO], state="closed") <= 17


async def test_synchronize_with_two_open_requests(bot: Counted) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert (
        await bot.apply("pull_request", "synchronize", requested_reviewers=[ANA, CHO], head={"sha": "b2"})
        <= 16
    )


async def test_edited_by_its_author_ends_a_snooze(bot: Counted) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO], user=BEN)
    await bot.queue.database.execute("UPDATE review_request SET snoozed_until_change = true")
    assert await bot.apply("pull_request", "edited", requested_reviewers=[ANA, CHO], title="Round down") <= 16
