"""How the cost and the time of a DM grow with the company: from ten people to ten thousand.

`python -m bench.growth` measures only this.
"""

import asyncio
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple, Protocol

from bench import calls
from bench.company import Company, fill
from bench.deliveries import payload_of
from bench.facts import INSTALLATION, STRIDE, add, deliver, drain
from bench.figures import Figure, percentile
from bench.looks import OF_A_PERSON, measure_looks
from bench.machine import Machine
from bench.process import load_subject
from bench.subjects.jobq import SUBJECT as JOBQ
from bot.local.embedded import embedded_postgres
from jobq import Database, Queue

FACTS = load_subject("facts")
RATE = 10
"""DMs a second, of which each begins with a webhook."""
COUNTED = 5
"""Seconds in which Postgres logs its statements."""
FLAT = 1.5
"""How many times the median of smaller companies is flat."""
LONGEST_LOOK = 10.0
"""Seconds."""
_STATEMENT = re.compile(rb"\[(\d+)\] LOG:  (?:execute [^:]*|statement): *\s*(\w+)")


class Sizes(Protocol):
    """As `bench.throughput.Sizes`, whose import would bring in the queue's peers."""

    @property
    def companies(self) -> Sequence[int]: ...

    @property
    def growth_seconds(self) -> int: ...

    @property
    def growth_facts(self) -> int: ...


class _Alone(NamedTuple):
    companies: Sequence[int] = (10, 100, 1_000, 10_000)
    growth_seconds: int = 12
    growth_facts: int = 3_000


@dataclass(frozen=True)
class Growth:
    """One company: what a DM costs there, and how long it takes.

    Times are in milliseconds, `kilobytes` are those of its database for each person. `looks` has the seconds
    of what looks at everything.
    """

    people: int
    repositories: int
    rate: float
    p50: float
    p99: float
    lost: int
    statements: float
    transactions: float
    kilobytes: float
    looks: dict[str, float]


async def measure_growth(machine: Machine, sizes: Sizes) -> tuple[list[Growth], list[Figure]]:
    """Each company in a database of its own, the smallest first."""
    home = Path(tempfile.mkdtemp(prefix="ripe-bench-"))
    try:
        grown = [await _measure(machine, home, Company(people), sizes) for people in sizes.companies]
    finally:
        shutil.rmtree(home)
    return grown, judge_growth(grown)


async def _measure(machine: Machine, home: Path, company: Company, sizes: Sizes) -> Growth:
    async with machine.database(JOBQ) as dsn:
        empty = await _size(machine, dsn)
        await fill(dsn, company)
        await machine.settle(dsn)
        size = await _size(machine, dsn) - empty
        async with calls.way(dsn, home, _asking(company)) as way:
            times = await way.measure(RATE, sizes.growth_seconds)
            statements, transactions = await _count(machine, way, min(COUNTED, sizes.growth_seconds))
        async with Database(dsn) as database:
            deliveries = list(deliver(sizes.growth_facts, company.list_people(), company.list_repositories()))
            await add(database, Queue(database), deliveries)
        rate = await drain(machine, FACTS, dsn, len(deliveries))
        looks = await measure_looks(dsn, company)
    return Growth(
        people=company.people,
        repositories=company.repositories,
        rate=rate,
        p50=1000 * percentile(times, 50),
        p99=1000 * percentile(times, 99),
        lost=RATE * sizes.growth_seconds - len(times),
        statements=statements,
        transactions=transactions,
        kilobytes=size / company.people / 1024,
        looks=looks,
    )


async def _size(machine: Machine, dsn: str) -> int:
    size: int = await machine.ask("SELECT pg_database_size(current_database())", dsn)
    return size


def _asking(company: Company) -> Callable[[int], bytes]:
    """Reviewers from all over the company, each in another repository."""
    payload, people, repositories = (
        payload_of("review_requested"),
        company.list_people(),
        company.list_repositories(),
    )
    payload["pull_request"]["user"] |= {"id": 99, "login": "somebody-else"}  # who reviews nothing

    def ask(number: int) -> bytes:
        place = number * STRIDE
        repository = repositories[place % len(repositories)]
        of = payload["repository"] | {"id": repository.id, "full_name": repository.full_name}
        account = payload["repository"]["owner"] | {"id": 100, "login": "acme"}
        where = {"repository": of | {"owner": account}, "installation": {"id": INSTALLATION}}
        return calls.ask_for_review(payload | where, number, people[place % len(people)])

    return ask


async def _count(machine: Machine, way: calls.Way, seconds: float) -> tuple[float, float]:
    """Statements and transactions of all processes for each DM."""
    async with machine.logging_statements() as log:
        begin = log.stat().st_size
        times = await way.measure(RATE, seconds)
        with log.open("rb") as lines:
            lines.seek(begin)
            said = _STATEMENT.findall(lines.read())
    return len(said) / len(times), _count_transactions(said) / len(times)


def _count_transactions(said: Sequence[tuple[bytes, bytes]]) -> int:
    """Each block of a connection is one, and so is each statement outside of a block."""
    count, blocks = 0, set[bytes]()
    for connection, word in said:
        match word.upper():
            case b"BEGIN":
                blocks.add(connection)
            case b"COMMIT" | b"ROLLBACK":
                blocks.discard(connection)
                count += 1
            case _:
                count += connection not in blocks
    return count


def judge_growth(grown: Sequence[Growth]) -> list[Figure]:
    """The largest company beside the median of the smaller ones."""
    *smaller, largest = grown

    def flat(measure: str, value: Callable[[Growth], float], unit: str, most: float = FLAT) -> Figure:
        usual = median(value(company) for company in smaller)
        ratio = value(largest) / usual
        text = f"{ratio:.2f} x ({value(largest):,.1f} {unit} against {usual:,.1f})"
        return Figure(
            f"{measure}, {largest.people:,} people", f"<= {most:g} x smaller ones", text, ratio <= most
        )

    slowest = max(largest.looks, key=lambda name: largest.looks[name])
    lost = sum(company.lost for company in grown)
    return [
        flat("webhook in to Slack call out, p50", lambda company: company.p50, "ms"),
        flat("webhook in to Slack call out, p99", lambda company: company.p99, "ms", 2),
        flat("time to apply a fact", lambda company: 1000 / company.rate, "ms"),
        flat("statements for a DM", lambda company: company.statements, "statements"),
        flat("transactions for a DM", lambda company: company.transactions, "transactions"),
        flat("size of the database for each person", lambda company: company.kilobytes, "KB", 1.2),
        *(flat(f"time to load: {name}", _milliseconds_of(name), "ms", 2) for name in OF_A_PERSON),
        Figure(
            f"DMs in companies of {grown[0].people} to {largest.people:,} people",
            "none lost",
            f"{lost} lost",
            lost == 0,
        ),
        Figure(
            f"the slowest look at everything, {largest.people:,} people",
            f"<= {LONGEST_LOOK:g} s",
            f"{slowest}, {largest.looks[slowest]:.1f} s",
            largest.looks[slowest] <= LONGEST_LOOK,
        ),
    ]


def _milliseconds_of(look: str) -> Callable[[Growth], float]:
    return lambda company: 1000 * company.looks[look]


def main(arguments: list[str]) -> None:
    """Only these figures, nothing written."""
    sizes = _Alone((10, 100), 3, 600) if "--quick" in arguments else _Alone()
    if named := tuple(int(argument) for argument in arguments if argument.isdigit()):
        sizes = sizes._replace(companies=named)
    home = Path(tempfile.mkdtemp(prefix="ripe-bench-"))
    try:
        with embedded_postgres(home / "postgres") as server:
            began = time.monotonic()
            grown, figures = asyncio.run(measure_growth(Machine(server), sizes))
    finally:
        shutil.rmtree(home)
    for company in grown:
        sys.stdout.write(f"{company}\n")
    for figure in figures:
        sys.stdout.write(
            f"{figure.measure}: {figure.figure}, goal {figure.goal}{'' if figure.is_met else ' MISSED'}\n"
        )
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main(sys.argv[1:])
