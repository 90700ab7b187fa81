"""`python -m bench`: measure the queue beside its peers, print every figure, write docs/benchmarks.md.

`--quick` only shows that everything runs: small sizes, one round, nothing written.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import behaviour, throughput
from bench.accept import measure_accept
from bench.costs import measure_costs
from bench.facts import measure_facts
from bench.figures import Figure
from bench.growth import measure_growth
from bench.machine import Machine
from bench.memory import measure_memory
from bench.report import render_row, write_report
from bench.strangers import measure_strangers
from bench.throughput import FULL, QUICK, Sizes
from bot.local.embedded import embedded_postgres

Measure = Callable[[Machine, Sizes], Awaitable[list[Figure]]]

MEASURES: tuple[Measure, ...] = (
    throughput.measure_log,
    throughput.measure_future,
    throughput.measure_snapshot,
    throughput.measure_two_workers,
    throughput.measure_saves,
    behaviour.measure_latency,
    behaviour.measure_idle,
    behaviour.measure_stop,
    behaviour.measure_rescue,
    measure_strangers,
    measure_accept,
    measure_facts,
    measure_memory,
)


def show(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def run(machine: Machine, sizes: Sizes, *, does_write: bool) -> bool:
    """Everything, one after the other. Whether every goal was met."""
    started_at = time.monotonic()
    rates, figures = await throughput.measure_drain(machine, sizes)
    _show_all(figures, started_at)
    for measure in MEASURES:
        measured = await measure(machine, sizes)
        _show_all(measured, started_at)
        figures += measured
    grown, measured = await measure_growth(machine, sizes)
    _show_all(measured, started_at)
    figures += measured
    costs, worker_cost = await measure_costs(machine, sizes)
    _show_all([worker_cost], started_at)
    figures.append(worker_cost)
    show("µs of processor time per job: " + ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items()))
    if does_write:
        postgres = await machine.ask("SHOW server_version")
        write_report(figures, rates, costs, grown, sizes, postgres)
    return all(figure.is_met for figure in figures)


def _show_all(figures: list[Figure], started_at: float) -> None:
    for figure in figures:
        show(f"{time.monotonic() - started_at:5.0f} s {render_row(figure)}")


def main(arguments: list[str]) -> int:
    """0 if every goal was met. The quick sizes prove nothing, so there every outcome is 0."""
    is_quick = "--quick" in arguments
    home = Path(tempfile.mkdtemp(prefix="ripe-bench-"))
    try:
        with embedded_postgres(home / "postgres") as server:
            met = asyncio.run(run(Machine(server), QUICK if is_quick else FULL, does_write=not is_quick))
    finally:
        shutil.rmtree(home)
    return 0 if met or is_quick else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
