"""How many statements a fact about a pull request costs, which must not grow unseen."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot.flows.catalog import apply_fact_job
from bot.flows.take_delivery import take_delivery
from bot.flows.workspaces import find_first_workspace
from bot.github.deliveries import Delivery, DeliveryOutcome, find_delivery
from bot.github.payloads import parse_event
from bot.jobs.apply_fact import apply_fact
from bot.model import AccountId
from bot.people.store import map_account, upsert_person
from jobq import ClaimedJob, Database, Queue
from tests.actions.world import StoppedClock
from tests.counting import counted
from tests.factories import ANA, account, installation_payload, pull_request_payload, review_payload
from tests.slack.examples import MONDAY

CHO, DEV = account("cho", 203), account("dev", 204)


@dataclass
class Bot:
    """A bot on one connection. Each fact is a minute newer than the last."""

    db: Database
    queue: Queue
    clock: StoppedClock
    minutes: int = 0

    async def apply(self, event: str, action: str, **changes: Any) -> int:
        """Delivers a fact and applies it. Returns how many statements the applying took.

        `of` is the account whose review is requested.
        """
        guid = await self.deliver(event, action, **changes)
        async with counted(self.db) as count:
            await apply_fact(self.claim(guid), queue=self.queue, clock=self.clock)
        delivery = await find_delivery(guid)
        assert delivery is not None
        assert delivery.outcome is DeliveryOutcome.APPLIED
        # Workers are woken after the transaction.
        return sum(not statement.startswith("NOTIFY") for statement in count.statements)

    async def deliver(self, event: str, action: str, **changes: Any) -> str:
        self.minutes += 1
        changes |= {"updated_at": f"2026-11-23T12:{self.minutes:02}:00Z"}
        more = {"requested_reviewer": changes.pop("of", None)}
        payload = {
            "pull_request": lambda: pull_request_payload(action, more=more, **changes),
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
            outcome=DeliveryOutcome.QUEUED,
        )
        await take_delivery(delivery, self.queue)
        return delivery.guid

    def claim(self, guid: str) -> ClaimedJob:
        job = apply_fact_job(guid)
        arguments = json.dumps(job.arguments)
        return ClaimedJob(1, job.job_type, arguments, MONDAY, MONDAY, job.lane, 1, 1, 13, 5, None)


@pytest.fixture
async def bot(dsn: str) -> AsyncIterator[Bot]:
    """Installed on acme/api. Ana and Cho are linked to Slack, Dev is not."""
    clock = StoppedClock()
    async with Database(dsn, max_size=1) as db:
        bot = Bot(db, Queue(db, clock.now), clock)
        workspace_id = await find_first_workspace()
        for person in (ANA, CHO):
            person_id = await upsert_person(
                workspace_id, f"U{person['id']}", person["login"], "Europe/Berlin"
            )
            await map_account(workspace_id, AccountId(person["id"]), person["login"], person_id)
        await bot.apply("installation", "created")
        yield bot


async def test_opened_with_two_reviewers(bot: Bot) -> None:
    assert await bot.apply("pull_request", "opened", requested_reviewers=[ANA, DEV]) <= 8


async def test_opened_with_no_reviewer(bot: Bot) -> None:
    assert await bot.apply("pull_request", "opened") <= 6


async def test_review_requested_beside_another_one(bot: Bot) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA])
    count = await bot.apply("pull_request", "review_requested", of=CHO, requested_reviewers=[ANA, CHO])
    assert count <= 9


async def test_review_requested_again_after_a_reply(bot: Bot) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    await bot.apply("pull_request_review", "submitted", state="commented", requested_reviewers=[ANA, CHO])
    count = await bot.apply("pull_request", "review_requested", of=ANA, requested_reviewers=[ANA, CHO])
    assert count <= 10


async def test_a_review_submitted_beside_another_open_request(bot: Bot) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert await bot.apply("pull_request_review", "submitted", requested_reviewers=[CHO]) <= 9


async def test_closed_with_two_open_requests(bot: Bot) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    assert await bot.apply("pull_request", "closed", requested_reviewers=[ANA, CHO], state="closed") <= 8


async def test_synchronize_with_two_open_requests(bot: Bot) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    count = await bot.apply("pull_request", "synchronize", requested_reviewers=[ANA, CHO], head={"sha": "b2"})
    assert count <= 7


async def test_an_edit_that_ends_two_snoozes(bot: Bot) -> None:
    await bot.apply("pull_request", "opened", requested_reviewers=[ANA, CHO])
    await bot.db.execute("UPDATE review_request SET snoozed_until_change = true")
    assert await bot.apply("pull_request", "edited", requested_reviewers=[ANA, CHO], title="Round down") <= 8
