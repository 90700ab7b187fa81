"""How many jobs a second: drained, saved, beside others that wait, behind an old snapshot."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import asyncpg
import psutil

from bench.figures import Figure, Rounds, at_least
from bench.machine import Machine
from bench.npm import NoPeerError
from bench.process import load_subject
from bench.subjects.graphile_worker import GraphileWorker
from bench.subjects.model import Peer
from jobq import sql, utc_now
from jobq.claims import LEASE, START

ON_DISK = """
    SELECT format('%s table, %s indexes',
                  pg_size_pretty(pg_table_size('job')), pg_size_pretty(pg_indexes_size('job')))
"""


@dataclass(frozen=True)
class Sizes:
    """How much of everything. The goals hold for the full sizes; the quick ones only show that it runs."""

    rounds: int = 5
    jobs: int = 50_000
    slow_jobs: int = 2_000
    """For procrastinate, whose rate does not depend on how many there are."""
    brief_jobs: int = 20_000
    """That wait 2 ms each."""
    future: int = 1_000_000
    singles: int = 2_000
    snapshot_jobs: int = 100_000
    facts: int = 5_000
    facts_alone: int = 800
    """One by one, which is slow."""
    facts_seconds: int = 10
    companies: tuple[int, ...] = (10, 100, 1_000, 10_000)
    """People."""
    growth_facts: int = 3_000
    growth_seconds: int = 12
    """Of DMs at a fixed rate, in each company."""
    seconds: int = 30


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    jobs=5_000,
    slow_jobs=200,
    brief_jobs=2_000,
    future=20_000,
    singles=200,
    snapshot_jobs=10_000,
    facts=600,
    facts_alone=100,
    facts_seconds=4,
    companies=(10, 100),
    growth_facts=600,
    growth_seconds=3,
    seconds=5,
)

JOBQ = load_subject("jobq")
JOBQ_LOGGED = load_subject("jobq_logged")
PGQUEUER = load_subject("pgqueuer")
PROCRASTINATE = load_subject("procrastinate")


async def measure_drain(machine: Machine, sizes: Sizes) -> tuple[Rounds, list[Figure]]:
    """Ready jobs, one worker process, from the first body's start until the last result is in the table."""
    rates = Rounds()
    subjects: list[tuple[Peer, int, float]] = [
        (JOBQ, sizes.jobs, 1),
        (PGQUEUER, sizes.jobs, 4),
        (PROCRASTINATE, sizes.slow_jobs, 40),
    ]
    left_out = []
    try:
        subjects.insert(2, (GraphileWorker(), sizes.jobs, 2))
    except NoPeerError as error:
        label = f"drain {sizes.jobs:,} ready jobs, beside graphile-worker"
        left_out = [Figure(label, "reported", f"left out: {error}", is_met=True)]
    for _ in range(sizes.rounds):
        for subject, count, _goal in subjects:
            async with machine.database(subject) as dsn:
                rates.add(subject.name, await drain(machine, subject, dsn, count))
    return rates, left_out + [
        at_least(
            f"drain {sizes.jobs:,} ready jobs, beside {peer.name.replace('_', '-')}",
            rates.ratio("jobq", peer.name),
            goal,
            f"({rates.median('jobq'):,.0f}/s against {rates.median(peer.name):,.0f}/s;"
            f" worst round {rates.worst('jobq', peer.name):.2f} x)",
        )
        for peer, _count, goal in subjects[1:]
    ]


async def measure_log(machine: Machine, sizes: Sizes) -> list[Figure]:
    """A worker that logs as in production, beside one that logs nothing."""
    rates = Rounds()
    for _ in range(sizes.rounds):
        for subject in (JOBQ, JOBQ_LOGGED):
            async with machine.database(subject) as dsn:
                rates.add(subject.name, await drain(machine, subject, dsn, sizes.jobs))
    text = f"({rates.median('jobq_logged'):,.0f}/s against {rates.median('jobq'):,.0f}/s)"
    label = "drain with the log of production, beside none"
    return [at_least(label, rates.ratio("jobq_logged", "jobq"), 0.95, text)]


async def drain(machine: Machine, subject: Peer, dsn: str, count: int, first: int = 0) -> float:
    """Jobs a second."""
    await machine.fill(subject, dsn, count, first=first)
    await machine.settle(dsn)
    async with machine.worker(subject, dsn, expected=count) as worker:
        report = await worker.hear("ran")
        await machine.finished(subject, dsn)
        ended_at = time.monotonic()
        await worker.stop()
    return count / (ended_at - float(report["marks"][0]))


async def measure_two_workers(machine: Machine, sizes: Sizes) -> list[Figure]:
    """Two worker processes beside one, of jobs that wait a little and of jobs that do nothing.

    The latter cost only processors, so no more can be won than one worker leaves idle.
    """
    return [
        await _two_beside_one(machine, sizes.rounds, sizes.brief_jobs, "brief", "jobs of 2 ms"),
        await _two_beside_one(machine, sizes.rounds, 2 * sizes.jobs, "counting", "jobs that do nothing"),
    ]


async def _two_beside_one(machine: Machine, rounds: int, count: int, body: str, label: str) -> Figure:
    rates, busy = Rounds(), Rounds()
    for _ in range(rounds):
        for workers in (1, 2):
            async with machine.database(JOBQ) as dsn:
                rate, processors = await _drain_together(machine, dsn, count, workers, body)
                rates.add(str(workers), rate)
                busy.add(str(workers), processors)
    text = (
        f"({rates.median('2'):,.0f}/s against {rates.median('1'):,.0f}/s; of {psutil.cpu_count()} processors"
        f" {busy.median('2'):.2f} busy against {busy.median('1'):.2f})"
    )
    return at_least(f"two worker processes beside one, {label}", rates.ratio("2", "1"), 1.4, text)


async def _drain_together(
    machine: Machine, dsn: str, count: int, workers: int, body: str
) -> tuple[float, float]:
    """Jobs a second, and how many processors of the machine were busy meanwhile."""
    await machine.fill(JOBQ, dsn, count)
    await machine.settle(dsn)
    async with AsyncExitStack() as stack:
        # Nobody knows how many each will run: each reports only that it began.
        starting = [
            stack.enter_async_context(machine.worker(JOBQ, dsn, body, expected=10 * count))
            for _ in range(workers)
        ]
        begun = [worker.hear("first") for worker in await asyncio.gather(*starting)]
        started_at = min(report["at"] for report in await asyncio.gather(*begun))
        psutil.cpu_percent()  # from here on
        await machine.finished(JOBQ, dsn, look_every=0.05)
        processors = psutil.cpu_percent() / 100 * psutil.cpu_count()
        return count / (time.monotonic() - float(started_at)), processors


async def measure_future(machine: Machine, sizes: Sizes) -> list[Figure]:
    """Beside a table full of jobs that are not ripe: the rate, a claim's buffers, the worker's memory."""
    rates, peaks = Rounds(), Rounds()
    async with machine.database(JOBQ) as empty, machine.database(JOBQ) as full:
        storage = await _fill_with_future(machine, full, sizes.future)
        for number in range(sizes.rounds):
            for name, dsn in (("empty", empty), ("full", full)):
                await machine.fill(JOBQ, dsn, sizes.jobs, first=number * sizes.jobs)
                await machine.settle(dsn)
                async with machine.worker(JOBQ, dsn, expected=sizes.jobs) as worker:
                    report = await worker.hear("ran")
                    await machine.finished(JOBQ, dsn)
                    rates.add(name, sizes.jobs / (time.monotonic() - report["marks"][0]))
                    peaks.add(name, report["peak_kib"] / 1024)
                    await worker.stop()
        buffers = [await _claim_buffers(machine, dsn) for dsn in (full, empty)]
    label = f"with {sizes.future:,} future jobs"
    text = f"({rates.median('full'):,.0f}/s against {rates.median('empty'):,.0f}/s)"
    memory = f"{peaks.median('full'):.0f} MiB against {peaks.median('empty'):.0f} MiB"
    return [
        at_least(f"drain {label}, beside an empty table", rates.ratio("full", "empty"), 0.85, text),
        _flat(
            f"buffers of a claim of 200 {label}", buffers[0] / buffers[1], "{} against {}".format(*buffers)
        ),
        _flat(f"peak memory of a worker {label}", peaks.ratio("full", "empty"), memory),
        storage,
    ]


def _flat(measure: str, ratio: float, text: str) -> Figure:
    return Figure(measure, "within 10%", text, ratio <= 1.1)


async def _fill_with_future(machine: Machine, dsn: str, count: int) -> Figure:
    started_at = time.monotonic()
    await machine.fill(JOBQ, dsn, count, days_ahead=30, first=10**9)
    seconds = time.monotonic() - started_at
    on_disk = await machine.ask(ON_DISK, dsn)
    return Figure(f"{count:,} future jobs", "reported", f"saved in {seconds:.0f} s: {on_disk}", is_met=True)


async def _claim_buffers(machine: Machine, dsn: str) -> int:
    """Pages that a claim of 200 touches, by the generic plan."""
    await machine.fill(JOBQ, dsn, 1_000, first=10**8)
    await machine.settle(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE claim AS {sql.CLAIM}")
        arguments = ", ".join(
            f"'{argument}'"
            for argument in (0, utc_now(), START[0], START[1], 200, LEASE, "lease expired", "on")
        )
        text = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE claim ({arguments})"
        )
    finally:
        await connection.close()
    plan = json.loads(text)[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


async def measure_snapshot(machine: Machine, sizes: Sizes) -> list[Figure]:
    """While another session holds a snapshot, no finished row can be forgotten."""
    ratios: dict[str, float] = {}
    for subject in (JOBQ, PGQUEUER):
        async with machine.database(subject) as dsn:
            await machine.fill(subject, dsn, sizes.snapshot_jobs)
            await machine.settle(dsn)
            async with (
                _old_snapshot(dsn),
                machine.worker(subject, dsn, expected=sizes.snapshot_jobs) as worker,
            ):
                ratios[subject.name] = _last_to_first_tenth(await worker.hear("ran"))
    text = f"(pgqueuer {ratios['pgqueuer']:.2f} x)"
    measure = f"{sizes.snapshot_jobs:,} under an open snapshot, last tenth beside the first"
    return [at_least(measure, ratios["jobq"], 0.6, text)]


@asynccontextmanager
async def _old_snapshot(dsn: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        yield
    finally:
        await connection.close()


def _last_to_first_tenth(report: dict[str, Any]) -> float:
    seconds = [later - earlier for earlier, later in pairwise(report["marks"])]
    return float(seconds[0] / seconds[-1])


async def measure_saves(machine: Machine, sizes: Sizes) -> list[Figure]:
    """Enqueueing: in bulk, and one by one."""
    bulk, single = Rounds(), Rounds()
    for _ in range(sizes.rounds):
        for subject in (JOBQ, PGQUEUER):
            async with machine.database(subject) as dsn, subject.enqueuing(dsn) as enqueuer:
                await machine.settle(dsn)
                started_at = time.monotonic()
                await enqueuer.save_all(range(sizes.jobs))
                bulk.add(subject.name, sizes.jobs / (time.monotonic() - started_at))
                await enqueuer.save(10**6)
                started_at = time.monotonic()
                for number in range(sizes.singles):
                    await enqueuer.save(10**7 + number)
                single.add(subject.name, sizes.singles / (time.monotonic() - started_at))
    return [
        at_least(name, rates.ratio("jobq", "pgqueuer"), goal, _rates(rates))
        for name, rates, goal in (
            (f"save_all of {sizes.jobs:,} beside pgqueuer's bulk enqueue", bulk, 0.8),
            ("single save beside pgqueuer's", single, 1.6),
        )
    ]


def _rates(rates: Rounds) -> str:
    return f"({rates.median('jobq'):,.0f}/s against {rates.median('pgqueuer'):,.0f}/s)"
