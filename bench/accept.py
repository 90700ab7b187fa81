"""Accepting webhooks: deliveries a second beside Probot, latency at a fixed rate, time to the call of Slack.

`python -m bench.accept` measures only this.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from bench import calls, npm, webs
from bench.figures import Figure, Rounds, at_least, percentile
from bench.machine import Machine
from bench.subjects.jobq import SUBJECT as JOBQ
from bot.local.embedded import embedded_postgres

CONNECTIONS = 64
RATE = 200
"""Deliveries a second of the open loop."""
STARTS_WITHIN = 5
"""Seconds until web and worker have imported, connected and planned everything."""
CALLS_RATE = 50
"""Deliveries a second of which each leads to a DM."""


class Sizes(Protocol):
    """As `bench.throughput.Sizes`, whose import would bring in the queue's peers."""

    @property
    def rounds(self) -> int: ...

    @property
    def seconds(self) -> int: ...


class _Alone(NamedTuple):
    rounds: int = 3
    seconds: int = 30


async def measure_accept(machine: Machine, sizes: Sizes) -> list[Figure]:
    """Everything about `POST /github/webhooks`."""
    with _home() as home:
        return [
            *await _measure_rates(machine, home, sizes),
            await _measure_steady(machine, home, sizes),
            await _measure_calls(machine, home, sizes),
        ]


async def _measure_rates(machine: Machine, home: Path, sizes: Sizes) -> list[Figure]:
    """Signed deliveries a second, without a worker. All servers are up; one is asked at a time."""
    rates = Rounds()
    async with AsyncExitStack() as stack:
        ports = {"ripe": await stack.enter_async_context(_web(machine, home))}
        for kind in ("quart", "asgi"):
            ports[kind] = await stack.enter_async_context(webs.bare(kind))
        missing = ""
        try:
            ports["probot"] = await stack.enter_async_context(webs.probot(home))
        except npm.NoPeerError as reason:
            missing = str(reason)
        for _ in range(sizes.rounds):
            for name, port in ports.items():
                report = await webs.load(port, CONNECTIONS, sizes.seconds / 6)
                rates.add(name, (report["answered"] - report["failed"]) / report["seconds"])
    return [_beside_probot(rates, missing), *_beside_bare(rates)]


def _beside_probot(rates: Rounds, missing: str) -> Figure:
    measure = "deliveries committed/s, beside Probot (Node) with a handler that does nothing"
    if missing:
        return Figure(measure, ">= 0.8 x", f"left out: {missing}", is_met=True)
    return at_least(measure, rates.ratio("ripe", "probot"), 0.8, _rates(rates, "probot"))


def _beside_bare(rates: Rounds) -> list[Figure]:
    without = "deliveries committed/s, beside a bare function of ASGI that checks the signature"
    ratio = rates.ratio("ripe", "asgi")
    return [
        at_least(
            "deliveries committed/s, beside a bare route of Quart that checks the signature",
            rates.ratio("ripe", "quart"),
            0.85,
            _rates(rates, "quart"),
        ),
        Figure(without, "reported", f"{ratio:.2f} x {_rates(rates, 'asgi')}", is_met=True),
    ]


def _rates(rates: Rounds, other: str) -> str:
    return (
        f"({rates.median('ripe'):,.0f}/s against {rates.median(other):,.0f}/s;"
        f" worst round {rates.worst('ripe', other):.2f} x)"
    )


async def _measure_steady(machine: Machine, home: Path, sizes: Sizes) -> Figure:
    """The time to an answer at a fixed rate, while a worker applies what is accepted."""
    p50, p99 = Rounds(), Rounds()
    for _ in range(sizes.rounds):
        async with machine.database(JOBQ) as dsn, webs.ripe(dsn, home) as port, webs.worker(dsn, home):
            await webs.load(port, CONNECTIONS, STARTS_WITHIN, RATE / 10)
            report = await webs.load(port, CONNECTIONS, sizes.seconds / 2, RATE)
        p50.add("ripe", 1000 * percentile(report["times"], 50))
        p99.add("ripe", 1000 * percentile(report["times"], 99))
    return Figure(
        f"answer at {RATE} deliveries/s with a worker applying, p50 / p99",
        "p99 <= 30 ms",
        f"{p50.median('ripe'):.1f} / {p99.median('ripe'):.1f} ms",
        p99.median("ripe") <= 30,
    )


async def _measure_calls(machine: Machine, home: Path, sizes: Sizes) -> Figure:
    """From a webhook that asks for a review until Slack is asked to post the DM."""
    p50, p99, lost = Rounds(), Rounds(), 0
    for _ in range(sizes.rounds):
        async with machine.database(JOBQ) as dsn:
            times, expected = await calls.measure(dsn, home, CALLS_RATE, sizes.seconds / 2)
        lost += expected - len(times)
        p50.add("ripe", 1000 * percentile(times, 50))
        p99.add("ripe", 1000 * percentile(times, 99))
    return Figure(
        f"webhook in to Slack call out at {CALLS_RATE}/s, p50 / p99",
        "p99 <= 100 ms, none lost",
        f"{p50.median('ripe'):.1f} / {p99.median('ripe'):.1f} ms, {lost} lost",
        p99.median("ripe") <= 100 and lost == 0,
    )


@asynccontextmanager
async def _web(machine: Machine, home: Path) -> AsyncIterator[int]:
    async with machine.database(JOBQ) as dsn, webs.ripe(dsn, home) as port:
        yield port


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="ripe-bench-"))
    try:
        yield home
    finally:
        shutil.rmtree(home)


def main(arguments: list[str]) -> None:
    """Only these figures, nothing written."""
    sizes = _Alone(1, 6) if "--quick" in arguments else _Alone()
    with _home() as home, embedded_postgres(home / "postgres") as server:
        for figure in asyncio.run(measure_accept(Machine(server), sizes)):
            sys.stdout.write(f"{figure.measure}: {figure.figure}, goal {figure.goal}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
