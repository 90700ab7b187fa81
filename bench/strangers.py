"""Texts that strangers choose, as bad as we can make them, against the patterns of operators.

`python -m bench.strangers` measures only this. Nothing else runs meanwhile, so the time is that of the loop.
"""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bench.figures import Figure
from bot.assignment.config import RepositoryConfig
from bot.assignment.matching import match_rules
from bot.assignment.titles import is_in_title
from bot.slack.commands import parse_command
from bot.slack.escape import disarm

if TYPE_CHECKING:  # these import the queue's peers, which this does not need
    from bench.machine import Machine
    from bench.throughput import Sizes

GOAL = 100.0
"""Milliseconds."""
RULES = 50
PATHS = 3_000
LENGTH = 297
LONG = 4_000
NAMES = ("src", "test", "api", "core", "lib", "util", "main", "java", "web", "db", "docs", "cmd")


async def measure_strangers(_machine: "Machine", sizes: "Sizes") -> list[Figure]:
    """The processor time of each case, the best of the rounds."""
    return list(_measure(sizes.rounds))


def _measure(rounds: int) -> Iterator[Figure]:
    for case, run in _cases():
        run()  # what is compiled once and kept does not count
        best = min(_milliseconds(run) for _ in range(rounds))
        yield Figure(case, f"< {GOAL:.0f} ms", f"{best:.1f} ms", best < GOAL)


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return (time.process_time() - began) * 1000


def _cases() -> Iterator[tuple[str, Callable[[], object]]]:
    # Every path has all names of all rules, in the wrong order: so no rule can be ruled out early.
    backwards = "/".join(reversed(NAMES))
    hostile = [f"{backwards}/{'a/' * LENGTH}"[: LENGTH - 10] + f"/{number:06}.py" for number in range(PATHS)]
    pairs = itertools.islice(itertools.combinations(NAMES, 2), RULES)
    ordered = _config([f"**/{first}/**/{second}/**/*.py" for first, second in pairs])
    yield f"{PATHS:,} paths of {LENGTH} x {RULES} rules", lambda: match_rules(ordered, tuple(hostile))
    absent = _config([f"**/src{number}/**/test/**/*.py" for number in range(RULES)])
    yield f"{PATHS:,} paths, rules of other folders", lambda: match_rules(absent, tuple(hostile))
    long = tuple(f"src/{'a/' * (LONG // 2)}{number}.pz" for number in range(100))
    yield f"100 paths of {LONG:,} x {RULES} rules", lambda: match_rules(ordered, long)
    patterns = [rf"^(\w+[ -]?)+: wip{number}$" for number in range(RULES)]
    title = "a" * 256
    yield f"a title of 256 x {RULES} patterns", lambda: [is_in_title(pattern, title) for pattern in patterns]
    typed = f"a{'_' * 39_000}b"
    yield "a DM of 39,000 characters", lambda: parse_command(typed)
    flags = "\N{REGIONAL INDICATOR SYMBOL LETTER A}" * 39_000
    yield "39,000 flags in a message", lambda: disarm(flags, 140)


def _config(patterns: list[str]) -> RepositoryConfig:
    return RepositoryConfig.model_validate(
        {"rules": [{"paths": [pattern], "people": ["ana"]} for pattern in patterns]}
    )


if __name__ == "__main__":
    for figure in _measure(rounds=5):
        sys.stdout.write(f"{figure.measure:40} {figure.figure:>10}  goal {figure.goal}\n")
