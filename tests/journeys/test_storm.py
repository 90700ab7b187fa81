"""A thousand DMs are due at once in one workspace, and Slack has enough of them. Real workers, real time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import httpx
import pytest

from bot.app import App, open_app
from bot.flows.catalog import remind_reviewer_job
from bot.github.model import Account, Repository
from bot.github.store import save_installation, save_repositories
from bot.model import AccountId, InstallationId, PullRequestId, RepositoryId, RequestId, WorkspaceId
from bot.people.store import map_account, upsert_person
from bot.reviews.rules import Requested
from bot.reviews.store import open_review_requests, save_pull_request
from bot.sandbox.slack.model import Call, Fault, User
from bot.sandbox.slack.world import SlackWorld
from bot.worker import build_workers, run_workers
from tests.factories import pull_request as factory
from tests.journeys.two_workspaces import beta_id, install
from tests.journeys.whole import Whole
from tests.promises import Promise

POST = "chat.postMessage"
ON_THE_WIRE = timedelta(seconds=0.5)
"""A call that left before Slack's answer came arrives at most this much later. Nothing can recall it."""
WITHIN = 600.0
"""Seconds in which everything must have arrived."""
_ids = count(5_000_000)


@dataclass(frozen=True)
class Office:
    """A workspace and the reviewers in it."""

    workspace_id: WorkspaceId
    slack: SlackWorld
    reviewers: Sequence[Account]
    repository: Repository


async def make_office(ripe: Whole, workspace_id: WorkspaceId, slack: SlackWorld, people: int) -> Office:
    installation = InstallationId(next(_ids))
    repository = Repository(id=RepositoryId(next(_ids)), full_name=f"acme/{installation}")
    await save_installation(workspace_id, installation)
    await save_repositories(workspace_id, installation, [repository])
    reviewers = [Account(id=AccountId(next(_ids)), login=f"reviewer-{number}") for number in range(people)]
    for reviewer in reviewers:
        login = reviewer.login
        user = User(id=f"U{reviewer.id}", name=login, real_name=login, tz="Europe/Berlin")
        slack.state.users[user.id] = user
        person_id = await upsert_person(workspace_id, user.id, login, user.tz)
        await map_account(workspace_id, reviewer.id, login, person_id)
    await ripe.app.database.execute("UPDATE person SET dms_per_day = 1000")
    return Office(workspace_id, slack, reviewers, repository)


async def ask_everybody(ripe: Whole, office: Office, times: int) -> list[RequestId]:
    """Each of them is asked for so many reviews; nothing is due yet."""
    now = ripe.clock.now()
    asked: list[RequestId] = []
    for _ in range(times):
        number = next(_ids)
        pull_request = factory(
            id=PullRequestId(number), workspace_id=office.workspace_id, repository_id=office.repository.id,
            repository=office.repository.full_name, number=number, title=f"Change {number}",
            author=Account(id=AccountId(99), login="ben"), created_at=now, updated_at=now,
        )  # fmt: skip
        await save_pull_request(pull_request)
        requested = [Requested(account=reviewer) for reviewer in office.reviewers]
        asked += await open_review_requests(pull_request, requested, now)
    return asked


class Watch:
    """Waits until so many DMs were posted in each of these workspaces."""

    def __init__(self, slacks: Sequence[SlackWorld], wanted: int) -> None:
        self._left, self.is_done = wanted, asyncio.Event()
        for slack in slacks:
            slack.on_call = self._see

    def _see(self, call: Call) -> None:
        self._left -= call.method == POST and call.error is None
        if self._left == 0:
            self.is_done.set()


@asynccontextmanager
async def working(apps: Sequence[App]) -> AsyncIterator[None]:
    """Meanwhile the workers of several processes run."""
    stop = asyncio.Event()
    running = [asyncio.create_task(run_workers(build_workers(app), stop)) for app in apps]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def send_all(ripe: Whole, offices: Sequence[Office], times: int) -> datetime:
    """Everything becomes due at one moment, which is returned, and two workers send it."""
    requests = [await ask_everybody(ripe, office, times) for office in offices]
    watch = Watch([office.slack for office in offices], sum(map(len, requests)))
    due_at = ripe.clock.now()
    await ripe.app.queue.save_all(
        remind_reviewer_job(request_id) for request_ids in requests for request_id in request_ids
    )
    async with open_app(ripe.app.settings, ripe.clock) as other, working([ripe.app, other]):
        async with asyncio.timeout(WITHIN):
            await watch.is_done.wait()
    return due_at


def posts(office: Office, since: datetime) -> list[Call]:
    return [call for call in office.slack.calls if call.method == POST and call.at >= since]


def p95(office: Office, since: datetime) -> float:
    """Seconds from when they were due until they were posted."""
    times = sorted((call.at - since).total_seconds() for call in posts(office, since) if call.error is None)
    return times[len(times) * 95 // 100]


def dms(office: Office) -> Counter[tuple[str, str]]:
    return Counter((message.channel, message.text) for message in office.slack.state.messages.values())


@pytest.mark.parametrize(
    ("people", "times", "wait"), [(5, 3, 2), pytest.param(200, 5, 30, marks=pytest.mark.torture)]
)
async def test_a_rate_limit_is_obeyed_by_all_workers_and_felt_by_no_other_workspace(
    ripe: Whole, browser: httpx.AsyncClient, promise: Promise, people: int, times: int, wait: int
) -> None:
    await install(browser)
    acme = await make_office(ripe, ripe.app.workspace_id, ripe.slack, people)
    beta = await make_office(ripe, await beta_id(ripe), ripe.beta, max(people // 10, 4))
    calm = p95(beta, await send_all(ripe, (acme, beta), times))
    acme.slack.faults.add(Fault(method=POST, kind="ratelimited", retry_after=wait))
    due_at = await send_all(ripe, (acme, beta), times)
    stormy = p95(beta, due_at)
    limited_at = next(call.at for call in posts(acme, due_at) if call.fault == "ratelimited")
    again_at = limited_at + timedelta(seconds=wait)
    waiting = [call.at for call in posts(acme, due_at) if limited_at < call.at < again_at]
    early = [at for at in waiting if at > limited_at + ON_THE_WIRE]
    sent, wanted = dms(acme), 2 * people * times
    twice = sum(sent.values()) - len(sent)
    promise(
        "S2",
        f"{people * times} DMs, {people} people, two workers, Retry-After {wait}",
        f"{len(early)} early calls ({len(waiting)} on the wire when Slack said so),"
        f" {wanted - len(sent)} lost, {twice} twice;"
        f" another workspace's p95 {calm:.1f} s before, {stormy:.1f} s during",
    )
    assert (early, len(sent), twice) == ([], wanted, 0)
    assert stormy < calm * 1.5 + 0.5
    assert await ripe.app.queue.dead() == []
