"""Odd answers of GitHub for a while: no job fails, and reviewers are asked all the same."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.flows.catalog import sync_pull_request_job
from bot.github import wire
from bot.model import PullRequestId
from bot.sandbox.github.routes import Fault
from jobq import Database, Outcome, Settlement
from tests.jobs.github import MINUTE, Acme, founded_acme
from tests.promises import Promise
from tests.web.test_odd_payloads import MISSING, ODD, read_paths

Path = tuple[str | int, ...]
PULL_REQUEST: Path = ("data", "repository", "pullRequest")
FILES: tuple[Path, ...] = (
    *(PULL_REQUEST[:length] for length in range(1, 4)),
    (*PULL_REQUEST, "reviewDecision"),
    (*PULL_REQUEST, "files"),
    (*PULL_REQUEST, "files", "nodes"),
    (*PULL_REQUEST, "files", "nodes", 0),
    (*PULL_REQUEST, "files", "nodes", 0, "path"),
    (*PULL_REQUEST, "files", "pageInfo"),
    (*PULL_REQUEST, "files", "pageInfo", "hasNextPage"),
)
ASKED: tuple[Path, ...] = (
    (),
    ("requested_reviewers",),
    ("requested_reviewers", 0),
    ("requested_reviewers", 0, "id"),
    ("requested_reviewers", 0, "login"),
)
PULL: tuple[Path, ...] = ((), *dict.fromkeys(read_paths(wire.PullRequest)))
REVIEWS: tuple[Path, ...] = ((), (0,), *((0, *path) for path in dict.fromkeys(read_paths(wire.Review))))
CALLS: dict[str, tuple[Path, ...]] = {
    "/graphql": FILES,
    "/requested_reviewers": ASKED,
    "/pulls/": PULL,
    "/reviews": REVIEWS,
}
RAW = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>sorry</html>",
    b'{"data": ',
    b'{"a": "\\ud800\\u0000"}',
    b"\xff\xfe",
)
REFUSALS = [
    Fault(graphql="RATE_LIMITED", message="API rate limit exceeded"),
    Fault(graphql="RATE_LIMIT", message="API rate limit already exceeded"),
    Fault(body={"data": None, "errors": [{"message": "Something went wrong while executing your query."}]}),
    Fault(body={"errors": None}),
    Fault(301, {"Location": "/api/v3/elsewhere"}, "Moved Permanently"),
    Fault(307, {}, "Temporary Redirect"),
    Fault(302, {"Location": "http://127.0.0.1:9/elsewhere"}, "Found"),
    Fault(401, {}, "Bad credentials", times=1),
    Fault(403, {}, "You have triggered an abuse detection mechanism. Please wait a few minutes."),
    Fault(403, {}, "You have exceeded a secondary rate limit."),
    Fault(403, {"Retry-After": "999999999999"}, "slow down"),
    Fault(429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, "slow down"),
    Fault(404, {}, "Not Found"),
    Fault(500, {}, "Server Error"),
    Fault(502, {}, "Bad Gateway"),
    Fault(503, {"Retry-After": "-5"}, "Service Unavailable"),
]


@dataclass
class Tampering:
    """Changes the next answers to calls whose path contains `call`."""

    call: str = ""
    path: Path = ()
    odd: Any = None
    raw: bytes | None = None
    times: int = 0
    met: list[str] = field(default_factory=list)

    def __call__(self, path: str, answer: bytes) -> bytes:
        if self.times <= 0 or self.call not in path or (self.call == "/pulls/" and not path[-1].isdigit()):
            return answer
        self.times -= 1
        self.met.append(path)
        return self.raw if self.raw is not None else self._spoil(json.loads(answer))

    def _spoil(self, answer: Any) -> bytes:
        parents, last = self.path[:-1], self.path[-1] if self.path else None
        parent: Any = answer
        for part in parents:
            try:
                parent = parent[part]
            except (LookupError, TypeError):
                return json.dumps(answer).encode()  # this answer has no such field
        if last is None:
            answer = None if self.odd is MISSING else self.odd
        elif self.odd is MISSING:
            if isinstance(parent, dict):
                parent.pop(last, None)
        elif isinstance(parent, dict | list) and (parent or isinstance(last, str)):
            parent[last] = self.odd  # type: ignore[index]
        return json.dumps(answer).encode()


@pytest.fixture
async def acme(db: Database) -> AsyncIterator[Acme]:
    async with founded_acme(db) as acme:
        await acme.configure(rules=[{"paths": ["**"], "people": ["ana"]}])
        yield acme


async def go_on(acme: Acme) -> str:
    """A pull request is opened, assigned and synced within two hours. Returns the trouble, if any."""
    pull = acme.open("a.py", reviewers=[])
    acme.world.review(pull, "cho", "COMMENTED")
    settlements = await acme.hear(then_wait=MINUTE)
    await acme.queue.save(sync_pull_request_job(PullRequestId(pull.id)))
    for _ in range(13):
        settlements += await acme.hear(then_wait=10 * MINUTE)
    failed = [
        describe(settled) for settled in settlements if settled.outcome in (Outcome.RETRIED, Outcome.DEAD)
    ]
    if failed:
        return f"failed tries: {failed[0]}"
    return "" if pull.requested == ["ana"] else f"asked: {pull.requested}"


def describe(settlement: Settlement) -> str:
    return f"{settlement.job.job_type}: {settlement.error}"


def spoiled() -> Iterator[Tampering]:
    for call, paths in CALLS.items():
        for path in paths:
            for odd in ODD.values():
                yield Tampering(call, path, odd, times=2)
        for raw in RAW:
            yield Tampering(call, raw=raw, times=2)


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.torture)])
async def test_odd_fields_in_answers_for_a_while_cost_nothing(
    acme: Acme, promise: Promise, every: int
) -> None:
    cases, failed = list(spoiled())[::every], []
    for tampering in cases:
        acme.server.alter = tampering
        if trouble := await go_on(acme):
            failed.append(
                f"{tampering.call} {tampering.path} {str(tampering.odd)[:20]} {tampering.raw!r}: {trouble}"
            )
    dead = await acme.queue.database.fetchval("SELECT count(*) FROM job_dead")
    promise("H4", f"{len(cases)} odd answers", f"{len(failed)} silent or failed, {dead} jobs dead")
    assert failed == []
    assert dead == 0


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.torture)])
async def test_refusals_that_pass_cost_nothing(acme: Acme, promise: Promise, every: int) -> None:
    paths = ("/graphql", "/requested_reviewers", "/reviews", "/access_tokens", "/pulls/")
    cases = [(fault, path) for fault in REFUSALS for path in paths][::every]
    failed = []
    for fault, path in cases:
        acme.server.faults.append(Fault(**{**vars(fault), "path": path, "times": min(fault.times + 1, 2)}))
        if trouble := await go_on(acme):
            failed.append(f"{fault.status} {fault.message} {fault.graphql} {path}: {trouble}")
        acme.server.faults.clear()
    dead = await acme.queue.database.fetchval("SELECT count(*) FROM job_dead")
    promise("H4", f"{len(cases)} refusals that pass", f"{len(failed)} silent or failed, {dead} jobs dead")
    assert failed == []
    assert dead == 0
