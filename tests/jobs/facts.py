"""A bot that is installed on acme/api and gets facts as GitHub sends them, a minute apart."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from bot.flows.catalog import apply_fact_job
from bot.flows.take_delivery import take_delivery
from bot.flows.workspaces import find_first_workspace
from bot.github.deliveries import Delivery, DeliveryOutcome, find_delivery
from bot.github.payloads import parse_event
from bot.jobs.apply_fact import apply_fact
from bot.model import AccountId, WorkspaceId
from bot.people.store import map_account, upsert_person
from jobq import ClaimedJob, Database, Handler, Job, Postpone, Queue
from jobq.testing import drain
from tests.actions.world import StoppedClock
from tests.factories import MONDAY
from tests.payloads import ANA, account, installation_payload, pull_request_payload, review_payload

NOON = MONDAY + timedelta(hours=3)
CHO, DEV = account("cho", 203), account("dev", 204)
"""Like Ana's, Cho's account is linked to Slack. Dev's is not."""

FOLLOWING = (
    "remind_reviewer", "tell_author", "assign_reviewers", "sync_pull_request", "backfill_repository",
    "greet_installer", "ask_for_verdict",
)  # fmt: skip
"""The jobs that a fact may save."""
OF_THE_DOMAIN = (
    "installation", "repository", "repository_config", "pull_request", "review_request", "review", "held",
)  # fmt: skip


@dataclass
class Bot:
    """A bot that a test feeds with deliveries, and its stored state."""

    db: Database
    queue: Queue
    clock: StoppedClock
    workspace_id: WorkspaceId
    minutes: int = 0

    async def deliver(self, event: str, action: str, **changes: Any) -> str:
        """Stores a delivery and its job; returns its GUID.

        `changes` are of the pull request, or of the payload itself for events that are about none. `of` is
        the account whose review is requested, `review` changes the review.
        """
        self.minutes += 1
        delivery = Delivery(
            guid=f"guid-{self.minutes}",
            workspace_id=None,
            event=event,
            action=action,
            received_at=NOON + timedelta(minutes=self.minutes),
            fact=parse_event(event, json.dumps(self._payload(event, action, changes)).encode()),
            outcome=DeliveryOutcome.QUEUED,
        )
        assert await take_delivery(delivery, self.queue) is DeliveryOutcome.QUEUED
        return delivery.guid

    def _payload(self, event: str, action: str, changes: dict[str, Any]) -> dict[str, Any]:
        if event in ("installation", "installation_repositories", "repository"):
            return installation_payload(action) | changes
        more, of_review = {"requested_reviewer": changes.pop("of", None)}, changes.pop("review", {})
        updated_at = NOON + timedelta(minutes=self.minutes)
        of_pull_request: dict[str, Any] = {"updated_at": updated_at.isoformat()} | changes
        if event == "pull_request":
            return pull_request_payload(action, more=more, **of_pull_request)
        payload = review_payload(action=action, **of_pull_request)
        payload["review"] |= {"submitted_at": of_pull_request["updated_at"]} | of_review
        return payload

    async def apply(self, guid: str) -> DeliveryOutcome:
        """Applies the fact of a delivery as its job does, once more if it was applied before."""
        await apply_fact(claimed(apply_fact_job(guid)), queue=self.queue, clock=self.clock)
        return await self.outcome(guid)

    async def outcome(self, guid: str) -> DeliveryOutcome:
        delivery = await find_delivery(guid)
        assert delivery is not None
        return delivery.outcome

    async def work(self) -> None:
        """Runs the jobs of facts that are ripe. The jobs that follow from those stay in the queue."""
        single = partial(apply_fact, queue=self.queue, clock=self.clock)
        await drain(self.queue, {**self.waiting, "apply_fact": single})

    @property
    def waiting(self) -> dict[str, Handler]:
        """Handlers that leave the jobs that follow from facts in the queue."""
        return dict.fromkeys(FOLLOWING, self._wait)

    async def _wait(self, job: ClaimedJob) -> Postpone:
        return Postpone(self.clock.now() + timedelta(days=1))

    async def jobs(self) -> list[str]:
        """The types of all queued jobs but those of facts."""
        queued = await self.db.fetch("SELECT job_type FROM job WHERE job_type <> 'apply_fact' ORDER BY 1")
        return [row["job_type"] for row in queued]

    async def rows(self, tables: Sequence[str] = OF_THE_DOMAIN) -> dict[str, list[str]]:
        """Everything in these tables."""
        return await rows_of(self.db, tables)


async def rows_of(db: Database, tables: Sequence[str]) -> dict[str, list[str]]:
    """Everything in these tables, as text."""
    return {
        table: [str(row[0]) for row in await db.fetch(f"SELECT t FROM {table} t ORDER BY 1")]  # noqa: S608
        for table in tables
    }


def claimed(job: Job) -> ClaimedJob:
    """The job as its handler gets it at its first try."""
    arguments = json.dumps(job.arguments)
    return ClaimedJob(1, job.job_type, arguments, MONDAY, MONDAY, job.lane, 1, 1, 13, 5, None)


async def install_bot(db: Database) -> Bot:
    """On acme/api. Its queue holds no job that followed from the installation."""
    clock = StoppedClock()
    bot = Bot(db, Queue(db, clock.now), clock, await find_first_workspace())
    for person in (ANA, CHO):
        person_id = await upsert_person(
            bot.workspace_id, f"U{person['id']}", person["login"], "Europe/Berlin"
        )
        await map_account(bot.workspace_id, AccountId(person["id"]), person["login"], person_id)
    await bot.apply(await bot.deliver("installation", "created"))
    await db.execute("DELETE FROM job")
    return bot


@asynccontextmanager
async def refusing(db: Database, writes: str) -> AsyncIterator[None]:
    """Until the block ends Postgres raises RaiseError at these writes, such as "INSERT ON review_request"."""
    await db.execute(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$
        """
    )
    try:
        await db.execute(f"CREATE TRIGGER refuse BEFORE {writes} FOR EACH ROW EXECUTE FUNCTION refuse()")
        yield
    finally:
        await db.execute("DROP FUNCTION refuse CASCADE")
