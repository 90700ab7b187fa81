"""Applies the fact of one delivery, and saves the jobs that follow from it, in one transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import assert_never

import structlog
from pydantic import BaseModel

from bot.clock import Clock
from bot.flows.catalog import compare_installation_job
from bot.flows.change import AppliedChange
from bot.flows.installation_facts import (
    apply_installation_fact,
    apply_repositories_fact,
    apply_repository_fact,
)
from bot.flows.polled_facts import EVENT as POLLED
from bot.flows.pull_request_facts import apply_pull_request_fact
from bot.flows.repositories import ASK_AFTER_MINUTES
from bot.github.deliveries import Delivery, DeliveryOutcome, find_delivery, record_outcome
from bot.github.model import (
    UNDATED,
    Fact,
    InstallationFact,
    Ping,
    PullRequestFact,
    RepositoriesFact,
    RepositoryFact,
    ReviewFact,
)
from jobq import ClaimedJob, Discard, Job, Queue, write_transaction

log = structlog.get_logger()


ON_ITS_WAY = timedelta(minutes=5)
"""Longer than GitHub usually takes to deliver."""


CLOCKS_DIFFER_BY = timedelta(days=1)
"""At most, GitHub's and ours, zones that were taken for UTC included."""


class Arguments(BaseModel):
    guid: str


@write_transaction
async def apply_fact(job: ClaimedJob, *, queue: Queue, clock: Clock) -> Discard | None:
    """Applies the delivery with the GUID in the job's arguments."""
    delivery = await find_delivery(job.read(Arguments).guid)
    if delivery is None or delivery.fact is None:
        return Discard("the delivery is gone")
    applied = await _apply(delivery, delivery.fact, clock.now())
    if jobs := [*applied.jobs, *_doubts(delivery)]:
        await queue.save_all(jobs)
    await record_outcome(delivery.guid, applied.outcome, _note(delivery, applied))
    log.info("fact applied", guid=delivery.guid, kind=delivery.fact.kind, outcome=applied.outcome.value)
    return None


def _doubts(delivery: Delivery) -> Iterable[Job]:
    """An event about an installation has no date: only GitHub knows which of two came last."""
    fact = delivery.fact
    if isinstance(fact, InstallationFact | RepositoriesFact | RepositoryFact) and delivery.event != POLLED:
        yield compare_installation_job(fact.installation_id, is_whole=False).runs_in(
            minutes=ASK_AFTER_MINUTES
        )


def _dated(fact: PullRequestFact | ReviewFact, received_at: datetime) -> PullRequestFact | ReviewFact:
    """The fact, as of when it was received if GitHub gave no date, or one that is still to come.

    A date of next year would make every later fact old news. The time of arrival is put a little earlier:
    GitHub is asked about a fact without a date, and its answer must not look older.
    """
    seen, latest = fact.pull_request, received_at + CLOCKS_DIFFER_BY
    if UNDATED < seen.updated_at <= latest:
        return fact
    at = (received_at - ON_ITS_WAY).replace(microsecond=0)
    dates = {"updated_at": at, "created_at": seen.created_at if UNDATED < seen.created_at <= at else at}
    return fact.model_copy(update={"pull_request": fact.pull_request.model_copy(update=dates)})


def _note(delivery: Delivery, applied: AppliedChange) -> str:
    """The note of the delivery: first the parts of the payload that were unreadable, then the change."""
    unread = delivery.note if delivery.outcome is DeliveryOutcome.QUEUED else ""
    return "; ".join(note for note in (unread, applied.note) if note)


async def _apply(delivery: Delivery, fact: Fact, now: datetime) -> AppliedChange:
    match fact:
        case PullRequestFact() | ReviewFact():
            return await apply_pull_request_fact(delivery.tenant, _dated(fact, delivery.received_at))
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
