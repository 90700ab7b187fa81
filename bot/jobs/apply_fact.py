"""Applies the fact of one delivery, and saves the jobs that follow from it, in one transaction."""

from datetime import datetime
from typing import assert_never

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows.change import AppliedChange
from bot.flows.installation_facts import (
    apply_installation_fact,
    apply_repositories_fact,
    apply_repository_fact,
)
from bot.flows.pull_request_facts import apply_pull_request_fact
from bot.github.deliveries import Delivery, find_delivery, record_outcome
from bot.github.model import (
    Fact,
    InstallationFact,
    Ping,
    PullRequestFact,
    RepositoriesFact,
    RepositoryFact,
    ReviewFact,
)
from jobq import ClaimedJob, Discard, Queue, write_transaction

log = structlog.get_logger()


class Arguments(BaseModel):
    guid: str


@write_transaction
async def apply_fact(job: ClaimedJob, *, queue: Queue, clock: Clock) -> Discard | None:
    """Applies the delivery with the GUID in the job's arguments."""
    delivery = await find_delivery(job.read(Arguments).guid)
    if delivery is None or delivery.fact is None:
        return Discard("the delivery is gone")
    applied = await _apply(delivery, delivery.fact, clock.now())
    if applied.jobs:
        await queue.save_all(applied.jobs)
    await record_outcome(delivery.guid, applied.outcome, applied.note)
    log.info("fact applied", guid=delivery.guid, kind=delivery.fact.kind, outcome=applied.outcome.value)
    return None


async def _apply(delivery: Delivery, fact: Fact, now: datetime) -> AppliedChange:
    match fact:
        case PullRequestFact() | ReviewFact():
            return await apply_pull_request_fact(delivery.tenant, fact)
        case InstallationFact():
            return await apply_installation_fact(delivery.tenant, fact, delivery.received_at, now)
        case RepositoriesFact():
            return await apply_repositories_fact(delivery.tenant, fact, delivery.received_at, now)
        case RepositoryFact():
            return await apply_repository_fact(delivery.tenant, fact, delivery.received_at, now)
        case Ping():
            return AppliedChange()
        case _ as never:
            assert_never(never)
