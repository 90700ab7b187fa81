"""The report: docs/benchmarks.md and its chart."""

import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil
import pygal
from pygal.style import Style

from bench.company import WEEKS
from bench.figures import Figure, Rounds
from bench.growth import COUNTED, RATE, Growth
from bench.npm import VERSIONS
from bench.throughput import Sizes

DOCS = Path(__file__).parent.parent / "docs"
CHART = "images/benchmarks.svg"
CURVES = "images/growth.svg"
COLOURS = ("#2f6f4f", "#b0793b", "#4f6fa0", "#7a7a8c", "#8f4f6f")
STYLE = Style(
    colors=COLOURS, background="transparent", plot_background="transparent", font_family="sans-serif"
)

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


GROWTH = """
## Growth

Companies of four sizes, each in a database of its own. Everything grows with the people: a repository for
each five, five rules in each, and for each person a pull request a week for {weeks} weeks and one that is
open, with two reviewers and two DMs about each review. A web process, a worker and Postgres share this
machine. Webhooks that ask for a review come at {rate} a second; statements are those of Postgres's own log,
in {counted} s of it.

![How the cost and the time of a DM grow]({curves})

| {names} |
|{rule}
"""
COLUMNS = (
    "People",
    "Repositories",
    "Facts applied/s",
    "Webhook in to Slack call out, p50 / p99",
    "Statements a DM",
    "Transactions a DM",
    "Database, KB a person",
)

LOOKS = """
These look at everything of a company, or at all of one person. Seconds:

| People | {names} |
|---|{rule}
"""


def write_report(
    figures: Sequence[Figure],
    rates: Rounds,
    costs: Mapping[str, float],
    grown: Sequence[Growth],
    sizes: Sizes,
    postgres: str,
) -> None:
    """Write the report and its charts."""
    (DOCS / "images").mkdir(parents=True, exist_ok=True)
    _draw(rates).render_to_file(str(DOCS / CHART))
    draw_growth(grown).render_to_file(str(DOCS / CURVES))
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
    (DOCS / "benchmarks.md").write_text(text + render_growth(grown))


def render_growth(grown: Sequence[Growth]) -> str:
    """Two tables with a line for each company."""
    names = list(grown[0].looks)
    lines = [
        f"| {company.people:,} | {company.repositories:,} | {company.rate:,.0f}"
        f" | {company.p50:.0f} / {company.p99:.0f} ms"
        f" | {company.statements:.1f} | {company.transactions:.1f} | {company.kilobytes:.0f} |\n"
        for company in grown
    ]
    looks = [
        f"| {company.people:,} | " + " | ".join(f"{company.looks[name]:.3f}" for name in names) + " |\n"
        for company in grown
    ]
    head = GROWTH.format(
        weeks=WEEKS,
        rate=RATE,
        counted=COUNTED,
        curves=CURVES,
        names=" | ".join(COLUMNS),
        rule="---|" * len(COLUMNS),
    )
    return "".join((head, *lines, LOOKS.format(names=" | ".join(names), rule="---|" * len(names)), *looks))


def draw_growth(grown: Sequence[Growth]) -> pygal.Line:
    """Every figure beside that of the second company: in the smallest, empty tables weigh most."""
    chart = pygal.Line(
        style=STYLE, js=[], height=320, width=800, min_scale=2, value_formatter=lambda n: f"{n:.2f} x"
    )
    chart.title = f"Beside a company of {grown[1].people:,} people"
    chart.x_labels = [f"{company.people:,} people" for company in grown]
    curves: dict[str, Callable[[Growth], float]] = {
        "time for a DM, p50": lambda company: company.p50,
        "time for a DM, p99": lambda company: company.p99,
        "statements a DM": lambda company: company.statements,
        "time for a fact": lambda company: 1 / company.rate,
        "KB a person": lambda company: company.kilobytes,
    }
    for name, value in curves.items():
        chart.add(name, [value(company) / value(grown[1]) for company in grown])
    return chart


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
    chart = pygal.HorizontalBar(
        style=STYLE, js=[], height=240, width=800, print_values=True, value_formatter=lambda n: f"{n:,.0f}"
    )
    chart.title = "Jobs drained per second, one worker process (median)"
    for name in rates.values:
        chart.add(name, rates.median(name))
    return chart
