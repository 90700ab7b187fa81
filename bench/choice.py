"""How many pull requests a second get their reviewers chosen: the pure part, without GitHub and Postgres.

`python -m bench.choice` measures only this.
"""

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.figures import Figure
from bot.assignment.choice import Situation, choose_reviewers
from bot.assignment.config import RepositoryConfig
from bot.assignment.matching import match_rules
from bot.assignment.model import Candidate
from bot.github.model import Account, PullRequestState
from bot.model import AccountId, PersonId, PullRequestId, RepositoryId, WorkspaceId
from bot.reviews.model import PullRequest

if TYPE_CHECKING:  # these import the queue's peers, which this does not need
    from bench.machine import Machine
    from bench.throughput import Sizes

GOAL = 500
PEOPLE, RULES, FILES = 200, 50, 300
PEOPLE_A_RULE = 8
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
NAMES = ("api", "billing", "core", "db", "docs", "lib", "search", "tests", "util", "web")
ENDINGS = ("go", "md", "py", "sql", "ts")
SHAPES = (
    "{service}/{name}/**",
    "/{service}/",
    "{service}/**/*.{ending}",
    "**/{name}/{service}/*.{ending}",
    "{service}/{name}/*.{{{ending},txt}}",
)


async def measure_choice(_machine: "Machine", sizes: "Sizes") -> list[Figure]:
    """Nothing else runs meanwhile, so the time is that of one thread."""
    return [measure(sizes.rounds, sizes.seconds * 10)]


def measure(rounds: int, count: int) -> Figure:
    """The best of the rounds. Every pull request has other files and another author."""
    config, people = _config(), _people()
    _choose_all(config, people, range(10))  # patterns are compiled once and kept
    best = min(_choose_all(config, people, range(10, 10 + count)) for _ in range(rounds))
    return Figure(
        f"reviewers chosen for {FILES} files by {RULES} rules of {PEOPLE} people",
        f">= {GOAL} pull requests/s",
        f"{count / best:,.0f}/s",
        count / best >= GOAL,
    )


def _choose_all(config: RepositoryConfig, people: tuple[Candidate, ...], numbers: range) -> float:
    """Seconds of processor time."""
    opened = [(_pull_request(number), _files(number)) for number in numbers]
    began = time.process_time()
    for pull_request, files in opened:
        matching = match_rules(config, files)
        choose_reviewers(Situation(pull_request=pull_request, matching=matching, candidates=people))
    return time.process_time() - began


def _config() -> RepositoryConfig:
    """A large repository: each service has its owners, and some rules want two reviewers."""
    return RepositoryConfig.model_validate({"reviewers": 2, "rules": list(_rules())})


def _rules() -> Iterator[dict[str, object]]:
    for number in range(RULES):
        shape = SHAPES[number % len(SHAPES)]
        pattern = shape.format(
            service=f"service-{number}",
            name=NAMES[number % len(NAMES)],
            ending=ENDINGS[number % len(ENDINGS)],
        )
        owners = [f"person-{(number * 4 + n) % PEOPLE}" for n in range(PEOPLE_A_RULE)]
        yield {"paths": [pattern], "people": owners} | ({"at_least": 1} if number % 10 == 0 else {})


def _people() -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            login=f"person-{number}",
            account_id=AccountId(number),
            person_id=PersonId(number),
            name=f"Person {number}",
            account_ids=frozenset({AccountId(number)}),
            away_until=NOW if number % 12 == 0 else None,
            load=number % 7,
            max_open_reviews=6,
        )
        for number in range(PEOPLE)
    )


def _files(number: int) -> tuple[str, ...]:
    """Files of three services, as in a large change."""
    chance = random.Random(number)  # noqa: S311 - the same in each run
    services = [chance.randrange(2 * RULES) for _ in range(3)]
    names = [
        (chance.choice(services), chance.choice(NAMES), chance.choice(NAMES), chance.choice(ENDINGS))
        for _ in range(FILES)
    ]
    return tuple(
        f"service-{service}/{folder}/part-{file}/{name}.{ending}"
        for file, (service, folder, name, ending) in enumerate(names)
    )


def _pull_request(number: int) -> PullRequest:
    return PullRequest(
        id=PullRequestId(number),
        workspace_id=WorkspaceId(1),
        repository_id=RepositoryId(1),
        repository="acme/api",
        number=number,
        title="Round half to even",
        url=f"https://github.com/acme/api/pull/{number}",
        author=Account(id=AccountId(number % PEOPLE), login=f"person-{number % PEOPLE}"),
        state=PullRequestState.OPEN,
        is_draft=False,
        head_sha="a" * 40,
        labels=(),
        requested_teams=(),
        created_at=NOW,
        updated_at=NOW,
        same_second_facts=(),
    )


if __name__ == "__main__":
    figure = measure(rounds=3, count=300)
    sys.stdout.write(f"{figure.measure}: {figure.figure}, goal {figure.goal}\n")
