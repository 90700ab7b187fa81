"""Applies the facts of deliveries, and saves the jobs that follow from them, in one transaction."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

import structlog

from bot.clock import Clock
from bot.flows.catalog import compare_installation_job
from bot.flows.change import AppliedChange
from bot.flows.installation_facts import (
    apply_installation_fact,
    apply_repositories_fact,
    apply_repository_fact,
)
from bot.flows.polled_facts import EVENT as POLLED
from bot.flows.pull_request_facts import OwnedFact, apply_pull_request_fact, apply_pull_request_facts
from bot.flows.repositories import ASK_AFTER_MINUTES
from bot.github.deliveries import (
    Delivery,
    DeliveryOutcome,
    Fate,
    find_deliveries,
    find_delivery,
    record_outcomes,
)
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
from bot.model import Parsed
from jobq import (
    BatchResult,
    ClaimedJob,
    Discard,
    InBatches,
    Job,
    Queue,
    RunAlone,
    current_database,
    write_transaction,
)

log = structlog.get_logger()


ON_ITS_WAY = timedelta(minutes=5)
"""Longer than GitHub usually takes to deliver."""


CLOCKS_DIFFER_BY = timedelta(days=1)
"""At most, GitHub's and ours, zones that were taken for UTC included."""


BATCH = 50
"""Facts in a transaction. More do not save much, and hold their locks for longer."""


class Arguments(Parsed):
    guid: str


def handle_facts(queue: Queue, clock: Clock) -> InBatches:
    """The handler of facts: in batches, and one by one where that is not possible."""
    single = partial(apply_fact, queue=queue, clock=clock)
    return InBatches(partial(apply_facts, queue=queue), single=single, size=BATCH, concurrency=1)


@write_transaction
async def apply_facts(jobs: Sequence[ClaimedJob], *, queue: Queue) -> list[BatchResult]:
    """Applies the deliveries with the GUIDs in the jobs' arguments, and finishes these jobs.

    It leaves facts that are not about pull requests to `apply_fact`, as well as those whose repository is new
    or renamed.
    """
    guids = {job.id: job.read(Arguments).guid for job in jobs}
    results = await _apply_together(guids.values(), queue)
    ends: list[BatchResult] = [results.get(guids[job.id], RunAlone()) for job in jobs]
    await queue.finish(job for job, end in zip(jobs, ends, strict=True) if end is None)
    return ends


async def apply_fact(job: ClaimedJob, *, queue: Queue, clock: Clock) -> Discard | None:
    """Applies the delivery with the GUID in the job's arguments."""
    guid = job.read(Arguments).guid
    async with current_database().transaction():
        results = await _apply_together([guid], queue)
    return results[guid] if guid in results else await _apply_alone(guid, queue, clock)


async def _apply_together(guids: Collection[str], queue: Queue) -> dict[str, Discard | None]:
    """The result of each fact that was applied; the others are for `_apply_alone`."""
    deliveries = await find_deliveries(guids)
    ordinary = [
        (delivery, OwnedFact(delivery.tenant, _dated(delivery.fact, delivery.received_at)))
        for delivery in (deliveries[guid] for guid in guids if guid in deliveries)
        if isinstance(delivery.fact, PullRequestFact | ReviewFact)
    ]
    changes = await apply_pull_request_facts([owned for _, owned in ordinary])
    applied = [
        (delivery, change)
        for (delivery, _), change in zip(ordinary, changes, strict=True)
        if change is not None
    ]
    await _record(applied, queue)
    gone = [guid for guid in guids if guid not in deliveries or deliveries[guid].fact is None]
    return dict.fromkeys(gone, Discard("the delivery is gone")) | {each.guid: None for each, _ in applied}


@write_transaction
async def _apply_alone(guid: str, queue: Queue, clock: Clock) -> Discard | None:
    delivery = await find_delivery(guid)
    if delivery is None or delivery.fact is None:
        return Discard("the delivery is gone")
    await _record([(delivery, await _apply(delivery, delivery.fact, clock.now()))], queue)
    return None


async def _record(applied: Sequence[tuple[Delivery, AppliedChange]], queue: Queue) -> None:
    """Saves the jobs that follow, and the outcomes of the deliveries."""
    jobs = [job for delivery, change in applied for job in (*change.jobs, *_doubts(delivery))]
    if jobs:
        await queue.save_all(jobs)
    if applied:
        await record_outcomes(
            [Fate(delivery.guid, change.outcome, _note(delivery, change)) for delivery, change in applied]
        )
    _log(applied)


def _log(applied: Iterable[tuple[Delivery, AppliedChange]]) -> None:
    """One line for all facts of one kind with one outcome: a line costs a third of applying a fact."""
    guids: dict[tuple[str, str], list[str]] = {}
    for delivery, change in applied:
        if delivery.fact is not None:
            guids.setdefault((delivery.fact.kind, change.outcome.value), []).append(delivery.guid)
    for (kind, outcome), of_these in guids.items():
        log.info("facts applied", kind=kind, outcome=outcome, guids=of_these)


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
            return await apply_pull_request_fact(
                OwnedFact(delivery.tenant, _dated(fact, delivery.received_at))
            )
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
