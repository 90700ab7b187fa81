"""How many facts about pull requests a worker applies in a second, and what a fact costs at 200 a second."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import psutil

from bench.figures import Figure, Rounds, at_least
from bench.machine import Machine
from bench.process import load_subject
from bench.subjects.jobq import SUBJECT as JOBQ
from bench.subjects.model import Subject
from bot.flows.catalog import apply_fact_job
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.model import (
    FACT,
    Account,
    PullRequestAction,
    PullRequestFact,
    PullRequestSnapshot,
    PullRequestState,
    Repository,
    Review,
    ReviewFact,
    ReviewState,
)
from bot.github.store import save_installation, save_repositories
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId, WorkspaceId
from bot.people.store import map_account, upsert_person
from jobq import Database, Queue

if TYPE_CHECKING:  # these import the queue's peers, which this does not need
    from bench.throughput import Sizes

WORKSPACE, INSTALLATION = WorkspaceId(1), InstallationId(5)
BEGIN = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT_ONCE = 40
"""Pull requests whose lives run at the same time."""
GOAL = 800
SUBJECTS = [load_subject(name) for name in ("facts", "facts_alone")]

ADD = """
    INSERT INTO delivery (workspace_id, guid, event, action, received_at, fact, outcome)
    SELECT $1, new.guid, new.event, new.action, new.received_at, new.fact, 'queued'
    FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
        AS new (guid, event, action, received_at, fact)
"""


def repositories_of(count: int) -> list[Repository]:
    return [Repository(id=RepositoryId(300 + n), full_name=f"acme/service-{n}") for n in range(count)]


def people_of(count: int) -> list[Account]:
    return [Account(id=AccountId(200 + n), login=f"person-{n}") for n in range(count)]


REPOSITORIES, PEOPLE = repositories_of(4), people_of(12)
STRIDE = 613
"""From the author of one pull request to that of the next, so that few are spread over a large company."""


def live(
    number: int, people: Sequence[Account] = PEOPLE, repositories: Sequence[Repository] = REPOSITORIES
) -> Iterator[PullRequestFact | ReviewFact]:
    """Everything that happens to one pull request: six facts."""
    author, first, second = (people[(number * STRIDE + n) % len(people)] for n in range(3))
    snapshot = PullRequestSnapshot(
        id=PullRequestId(1000 + number),
        repository=repositories[number * STRIDE % len(repositories)],
        number=number,
        title=f"Round half to even in invoice {number}",
        url=f"https://github.com/acme/service/pull/{number}",
        author=author,
        state=PullRequestState.OPEN,
        is_draft=False,
        head_sha="a" * 40,
        labels=("billing",),
        requested=(),
        requested_teams=(),
        created_at=BEGIN,
        updated_at=BEGIN,
    )

    def fact(
        action: PullRequestAction, minutes: int, reviewer: Account | None = None, **changes: object
    ) -> PullRequestFact:
        nonlocal snapshot
        snapshot = snapshot.model_copy(update=changes | {"updated_at": BEGIN + timedelta(minutes=minutes)})
        return PullRequestFact(
            action=action,
            installation_id=INSTALLATION,
            sender=author,
            pull_request=snapshot,
            reviewer=reviewer,
        )

    yield fact(PullRequestAction.OPENED, 1)
    yield fact(PullRequestAction.REVIEW_REQUESTED, 2, first, requested=(first,))
    yield fact(PullRequestAction.REVIEW_REQUESTED, 3, second, requested=(first, second))
    yield fact(PullRequestAction.SYNCHRONIZE, 4, head_sha="b" * 40)
    reviewed = fact(PullRequestAction.EDITED, 5, requested=(second,))
    yield ReviewFact(
        action="submitted",
        installation_id=INSTALLATION,
        sender=first,
        pull_request=reviewed.pull_request,
        review=Review(
            id=number, author=first, state=ReviewState.APPROVED, submitted_at=reviewed.pull_request.updated_at
        ),
    )
    yield fact(PullRequestAction.CLOSED, 6, state=PullRequestState.MERGED)


def deliver(
    count: int, people: Sequence[Account] = PEOPLE, repositories: Sequence[Repository] = REPOSITORIES
) -> Iterator[Delivery]:
    """Deliveries in the order in which GitHub might send them: the lives of many pull requests, mixed."""
    numbers = iter(range(1, count + 1))
    lives = [live(next(numbers), people, repositories) for _ in range(AT_ONCE)]
    for place in range(count):
        turn = place % AT_ONCE
        if (fact := next(lives[turn], None)) is None:
            lives[turn] = live(next(numbers), people, repositories)
            fact = next(lives[turn])
        yield Delivery(
            guid=f"{place:08d}-{os.urandom(8).hex()}",
            workspace_id=WORKSPACE,
            event="pull_request" if isinstance(fact, PullRequestFact) else "pull_request_review",
            action=fact.action,
            received_at=fact.pull_request.updated_at,
            fact=fact,
            outcome=DeliveryOutcome.QUEUED,
        )


async def add(database: Database, queue: Queue, deliveries: Sequence[Delivery]) -> None:
    """Store deliveries with their jobs, many at once."""
    async with database.transaction():
        await database.execute(
            ADD,
            WORKSPACE,
            [each.guid for each in deliveries],
            [each.event for each in deliveries],
            [each.action for each in deliveries],
            [each.received_at for each in deliveries],
            [FACT.dump_json(each.fact).decode() for each in deliveries if each.fact is not None],
        )
        await queue.save_all(apply_fact_job(each.guid) for each in deliveries)


@asynccontextmanager
async def installed(machine: Machine) -> AsyncIterator[tuple[str, Database, Queue]]:
    """A new bot on four repositories, with the people who work there."""
    async with machine.database(JOBQ) as dsn, Database(dsn, max_size=1) as database:
        await save_installation(WORKSPACE, INSTALLATION, Account(id=AccountId(100), login="acme"))
        await save_repositories(WORKSPACE, INSTALLATION, REPOSITORIES)
        for person in PEOPLE:
            person_id = await upsert_person(WORKSPACE, f"U{person.id}", person.login, "Europe/Berlin")
            await map_account(WORKSPACE, person.id, person.login, person_id)
        yield dsn, database, Queue(database)


async def measure_facts(machine: Machine, sizes: "Sizes") -> list[Figure]:
    """One worker process, beside one that gets each fact by itself."""
    rates, costs = Rounds(), Rounds()
    for _ in range(sizes.rounds):
        for subject in SUBJECTS:
            count = sizes.facts if subject.name == "facts" else sizes.facts_alone
            rates.add(subject.name, await _drain(machine, subject, count))
            costs.add(subject.name, await _cost(machine, subject, sizes.facts_seconds))
    rate, single = rates.median("facts"), rates.median("facts_alone")
    cost, alone = costs.median("facts"), costs.median("facts_alone")
    return [
        Figure(
            "facts applied by one worker",
            f">= {GOAL}/s",
            f"{rate:,.0f}/s ({rates.ratio('facts', 'facts_alone'):.2f} x one by one, {single:,.0f}/s)",
            rate >= GOAL,
        ),
        at_least(
            f"processor time of a fact at {RATE}/s, one by one beside in batches",
            costs.ratio("facts_alone", "facts"),
            1.5,
            f"({alone:.2f} ms against {cost:.2f} ms)",
        ),
    ]


async def _drain(machine: Machine, subject: Subject, count: int) -> float:
    """Facts a second."""
    async with installed(machine) as (dsn, database, queue):
        await add(database, queue, list(deliver(count)))
        return await drain(machine, subject, dsn, count)


async def drain(machine: Machine, subject: Subject, dsn: str, count: int) -> float:
    """Facts a second of one worker process, for which `count` deliveries are stored."""
    await machine.settle(dsn)
    async with machine.worker(subject, dsn, expected=count) as worker:
        started_at = (await worker.hear("first"))["at"]
        await machine.finished(subject, dsn, look_every=0.02)
        seconds = time.monotonic() - float(started_at)
        await worker.stop()
    return count / seconds


RATE, TICK = 200, 0.01
"""Facts a second, and the seconds between two looks at what has come."""


async def _cost(machine: Machine, subject: Subject, seconds: int) -> float:
    """Milliseconds of processor time per fact, of the worker and of its Postgres backends."""
    async with installed(machine) as (dsn, database, queue):
        deliveries = list(deliver(RATE * seconds))
        await machine.settle(dsn)
        async with machine.worker(subject, dsn, expected=len(deliveries)) as worker:
            await add(database, queue, deliveries[:RATE])
            await machine.finished(subject, dsn, look_every=0.02)
            before = await _spent(dsn, worker.process.pid, database)
            await _arrive(database, queue, deliveries[RATE:])
            await machine.finished(subject, dsn, look_every=0.02)
            spent = await _spent(dsn, worker.process.pid, database) - before
            await worker.stop()
        return 1000 * spent / (len(deliveries) - RATE)


async def _arrive(database: Database, queue: Queue, deliveries: Sequence[Delivery]) -> None:
    """Each at its time, whether or not those before have been applied."""
    started_at, sent = time.monotonic(), 0
    while sent < len(deliveries):
        due = min(len(deliveries), int((time.monotonic() - started_at) * RATE))
        if sent < due:
            await add(database, queue, deliveries[sent:due])
            sent = due
        await asyncio.sleep(TICK)


async def _spent(dsn: str, worker_pid: int, database: Database) -> float:
    """Processor seconds so far of the worker and all backends that serve it."""
    ours = await database.fetchval("SELECT pg_backend_pid()")
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> ALL($1::int[]) AND pid <> pg_backend_pid()",
            [ours],
        )
    finally:
        await connection.close()
    times = [psutil.Process(pid).cpu_times() for pid in (worker_pid, *(row["pid"] for row in rows))]
    return float(sum(each.user + each.system for each in times))
