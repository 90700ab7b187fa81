"""The costs of a worker beside speed: how soon it starts a job, how quiet it idles, how it ends."""

import asyncio
import time

import asyncpg
import psutil

from bench.figures import Figure, Rounds, percentile
from bench.machine import Machine, WorkerProcess
from bench.subjects.model import Subject
from bench.throughput import JOBQ, PGQUEUER, PROCRASTINATE, Sizes

PER_SECOND = 20
STATISTICS_LAG = 12.0
"""Seconds: an idle backend reports what it did up to 10 s later."""
RUNNING = 20


async def measure_latency(machine: Machine, sizes: Sizes) -> list[Figure]:
    """From the moment that a save returned, committed, to the first line of the body in another process."""
    p50, p99 = Rounds(), Rounds()

    def add(name: str, delays: list[float]) -> None:
        p50.add(name, percentile(delays, 50))
        p99.add(name, percentile(delays, 99))

    for _ in range(sizes.rounds):
        for subject in (JOBQ, PGQUEUER, PROCRASTINATE):
            add(subject.name, await _delays(machine, subject, sizes.seconds))
        add("a commit alone", await _commits(machine, sizes.seconds))
    ratio = p99.ratio("jobq", "pgqueuer")
    text = ", ".join(
        f"{name} {1000 * p50.median(name):.1f} / {1000 * p99.median(name):.1f} ms" for name in p99.values
    )
    worst = 1 / p99.worst("pgqueuer", "jobq")
    return [
        Figure(
            f"commit to start at {PER_SECOND} jobs/s, p50 / p99",
            "p99 <= 0.7 x pgqueuer's, <= 5 ms",
            f"{ratio:.2f} x ({text}; worst round {worst:.2f} x)",
            ratio <= 0.7 and p99.median("jobq") <= 0.005,
        )
    ]


async def _delays(machine: Machine, subject: Subject, seconds: int) -> list[float]:
    committed_at: dict[int, float] = {}
    began_at: dict[int, float] = {}
    async with (
        machine.database(subject) as dsn,
        subject.enqueuing(dsn) as enqueuer,
        machine.worker(subject, dsn, "stamping") as worker,
    ):
        await enqueuer.save(-1)  # everything is connected and planned once it ran
        await worker.hear("began")
        for number in range(seconds * PER_SECOND):
            await enqueuer.save(number)
            committed_at[number] = time.monotonic()
            await asyncio.sleep(1 / PER_SECOND)
        for _ in committed_at:
            report = await worker.hear("began")
            began_at[report["n"]] = report["at"]
        await worker.stop()
    return [max(0.0, began_at[number] - at) for number, at in committed_at.items()]


async def _commits(machine: Machine, seconds: int) -> list[float]:
    """How long Postgres takes to change one row durably at this pace: no claim can be sooner."""
    took = []
    async with machine.database(JOBQ) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute("CREATE TABLE floor AS SELECT 0 AS n")
            for _ in range(seconds * PER_SECOND):
                sent_at = time.monotonic()
                await connection.execute("UPDATE floor SET n = n + 1")
                took.append(time.monotonic() - sent_at)
                await asyncio.sleep(1 / PER_SECOND)
        finally:
            await connection.close()
    return took


async def measure_idle(machine: Machine, sizes: Sizes) -> list[Figure]:
    """The load of an idle worker on Postgres and on its processor."""
    seconds = 2 * sizes.seconds
    async with machine.database(JOBQ) as dsn:
        # Else autovacuum looks at the new tables some time, and what it writes is counted as the worker's.
        await machine.settle(dsn)
        async with machine.worker(JOBQ, dsn) as worker:
            await asyncio.sleep(STATISTICS_LAG)
            process = psutil.Process(worker.process.pid)
            before, cpu_before = await _counts(dsn), _cpu(process)
            await asyncio.sleep(seconds)
            after, cpu_after = await _counts(dsn), _cpu(process)
            await worker.stop()
    # Reading the counts is a statement as well.
    statements = (after[0] - before[0] - 1) / seconds
    writes = after[1] - before[1]
    cpu = 100 * (cpu_after - cpu_before) / seconds
    text = f"{statements:.2f} statements/s, {writes} writes, {cpu:.2f}% CPU"
    met = statements <= 0.5 and writes == 0 and cpu < 0.5
    return [Figure("idle worker", "<= 0.5 statements/s, no writes, < 0.5% CPU", text, met)]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _counts(dsn: str) -> tuple[int, int]:
    """Transactions (each statement of a worker is one) and rows written, in this database so far."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(
            "SELECT xact_commit + xact_rollback, tup_inserted + tup_updated + tup_deleted"
            " FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(row[0]), int(row[1])
    finally:
        await connection.close()


async def measure_stop(machine: Machine, sizes: Sizes) -> list[Figure]:
    """How long a stop takes, idle and busy, and what it leaves behind."""
    async with machine.database(JOBQ) as dsn:
        async with machine.worker(JOBQ, dsn) as worker:
            await machine.fill(JOBQ, dsn, 1)
            await machine.finished(JOBQ, dsn)
            idle = await worker.stop()
        await machine.fill(JOBQ, dsn, RUNNING, first=100)
        async with machine.worker(JOBQ, dsn, "lasting") as worker:
            await _begun(worker, RUNNING)
            busy = await worker.stop()
        left = await machine.ask("SELECT count(*) FROM job", dsn)
    return [
        Figure("stop when idle", "< 100 ms", f"{1000 * idle:.0f} ms", idle < 0.1),
        Figure(
            f"stop with {RUNNING} jobs of 1 s running",
            "< 1.2 s, nothing lost or rescued",
            f"{busy:.2f} s, {left} not done",
            busy < 1.2 and left == 0,
        ),
    ]


async def _begun(worker: WorkerProcess, count: int) -> float:
    """When the last of `count` jobs began."""
    at = 0.0
    for _ in range(count):
        at = (await worker.hear("began"))["at"]
    return at


async def measure_rescue(machine: Machine, sizes: Sizes) -> list[Figure]:
    """kill -9 in the middle of 20 jobs, default settings: when has another worker begun them all again?"""
    async with machine.database(JOBQ) as dsn:
        await machine.fill(JOBQ, dsn, RUNNING)
        async with machine.worker(JOBQ, dsn, "lasting") as victim:
            await _begun(victim, RUNNING)
            victim.process.kill()
            killed_at = time.monotonic()
            async with machine.worker(JOBQ, dsn, "lasting") as heir:
                seconds = await _begun(heir, RUNNING) - killed_at
                await machine.finished(JOBQ, dsn)
                await heir.stop()
        left = await machine.ask("SELECT count(*) FROM job", dsn)
    text = f"{seconds:.1f} s, {left} lost"
    return [Figure(f"kill -9 with {RUNNING} running: all start again", "<= 35 s", text, seconds <= 35)]
