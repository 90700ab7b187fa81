"""The report: docs/benchmarks.md and its chart."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil
import pygal
from pygal.style import Style

from bench.figures import Figure, Rounds
from bench.npm import VERSIONS
from bench.throughput import Sizes

DOCS = Path(__file__).parent.parent / "docs"
CHART = "images/benchmarks.svg"
COLOURS = ("#2f6f4f", "#b0793b", "#4f6fa0", "#7a7a8c")

HEAD = """\
# Benchmarks of the queue

Written by `make bench`, which runs everything below in one go on one machine: {machine}. Every queue
has its own fresh database on the same embedded Postgres {postgres} with durable defaults (`fsync` and
`synchronous_commit` on), workers are processes of their own, jobs do nothing. Rounds are interleaved, so
that what disturbs one queue disturbs all; a ratio is the median of the ratios of {rounds} rounds.
Peers: {peers}.

![Jobs drained per second]({chart})

| Measure | Goal | Figure | |
|---|---|---|---|
"""

COSTS = """
## Where the time goes

Processor time per job while one worker drains {jobs:,} jobs. Claims and settles are statements for some
200 jobs each and run at the same time on two connections, while the worker runs the bodies of the batch
before.

| | µs per job |
|---|---|
"""


def write_report(
    figures: Sequence[Figure], rates: Rounds, costs: Mapping[str, float], sizes: Sizes, postgres: str
) -> None:
    """Write both files."""
    (DOCS / "images").mkdir(parents=True, exist_ok=True)
    _draw(rates).render_to_file(str(DOCS / CHART))
    text = HEAD.format(
        machine=f"{psutil.cpu_count()} processors, Python {platform.python_version()}, uvloop",
        postgres=postgres,
        rounds=sizes.rounds,
        peers=", ".join(_list_peers(rates)),
        chart=CHART,
    )
    text += "".join(render_row(figure) + "\n" for figure in figures)
    text += COSTS.format(jobs=sizes.jobs)
    text += "".join(f"| {name} | {cost:.1f} |\n" for name, cost in costs.items())
    (DOCS / "benchmarks.md").write_text(text)


def _list_peers(rates: Rounds) -> list[str]:
    peers = [f"{name} {version(name)}" for name in ("pgqueuer", "procrastinate")]
    if "graphile_worker" in rates.values:
        peers.append(
            f"graphile-worker {VERSIONS['graphile-worker']} (local queue of 500, batched completion)"
        )
    return peers


def render_row(figure: Figure) -> str:
    """One line of the table."""
    return (
        f"| {figure.measure} | {figure.goal} | {figure.figure} | {'met' if figure.is_met else '**missed**'} |"
    )


def _draw(rates: Rounds) -> pygal.HorizontalBar:
    style = Style(
        colors=COLOURS, background="transparent", plot_background="transparent", font_family="sans-serif"
    )
    chart = pygal.HorizontalBar(
        style=style, js=[], height=240, width=800, print_values=True, value_formatter=lambda n: f"{n:,.0f}"
    )
    chart.title = "Jobs drained per second, one worker process (median)"
    for name in rates.values:
        chart.add(name, rates.median(name))
    return chart
