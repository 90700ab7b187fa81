"""Where a drain spends its time: processor time per job, of the worker and of its Postgres backends."""

import time
from statistics import median

import asyncpg
import psutil

from bench.figures import Figure
from bench.machine import Machine
from bench.throughput import JOBQ, Sizes

WORKER = "worker (Python)"
GOAL = 14.0


async def measure_costs(machine: Machine, sizes: Sizes) -> tuple[dict[str, float], Figure]:
    """Microseconds per job, by what was done; and whether the worker's meet their goal."""
    rounds = [await _measure_once(machine, sizes) for _ in range(sizes.rounds)]
    costs = {name: median(costs.get(name, 0.0) for costs in rounds) for name in rounds[0]}
    label = "processor time of the worker for each job"
    return costs, Figure(label, f"<= {GOAL:g} µs", f"{costs[WORKER]:.1f} µs", costs[WORKER] <= GOAL)


async def _measure_once(machine: Machine, sizes: Sizes) -> dict[str, float]:
    async with machine.database(JOBQ) as dsn:
        await machine.fill(JOBQ, dsn, sizes.jobs)
        await machine.settle(dsn)
        async with machine.worker(JOBQ, dsn, expected=sizes.jobs) as worker:
            await worker.hear("first")
            before = await _look(dsn, worker.process.pid)
            started_at = time.monotonic()
            report = await worker.hear("ran")
            spent = await _look(dsn, worker.process.pid)
            await worker.stop()
    wall = report["marks"][-1] - started_at
    costs = {name: seconds - before.get(name, 0.0) for name, seconds in spent.items()}
    costs["wall clock"] = wall
    return {name: 1e6 * seconds / sizes.jobs for name, seconds in costs.items() if seconds > 0.01}


async def _look(dsn: str, worker_pid: int) -> dict[str, float]:
    """Processor seconds so far."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT pid, query FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    seconds = {WORKER: _cpu(worker_pid)}
    for row in rows:
        seconds[_name(row["query"])] = _cpu(row["pid"])
    return seconds


def _name(query: str) -> str:
    if "claimed" in query:
        return "Postgres: claim"
    return "Postgres: settle" if "finished" in query else "Postgres: other"


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
