"""From a webhook to the call of Slack: GitHub asks reviewers, and a Slack of ours notes when it is called."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from quart import Quart, jsonify, request

from bench import webs
from bench.deliveries import SECRET, payload_of
from bot.encryption import tls_context
from bot.github.model import Account, Repository
from bot.github.signature import sign
from bot.github.store import save_installation, save_repositories
from bot.model import AccountId, InstallationId, RepositoryId, WorkspaceId
from bot.people.store import map_account, upsert_person
from bot.web.server import serving
from jobq import Database

REVIEWERS = 100
ALL_DAY = json.dumps({day: ["00:00:00", "23:59:59"] for day in range(7)})
_PULL = re.compile(rb"pull(?:/|%2F|\\/)(\d+)")
Asking = Callable[[int], bytes]
"""The body of the webhook of a number."""
SETTLES_WITHIN = 20.0
"""Seconds after the last webhook."""


class Slack:
    """Answers every method, and notes when each pull request was first posted about."""

    def __init__(self) -> None:
        self.posted_at: dict[int, float] = {}
        self.changed = asyncio.Condition()

    def web(self) -> Quart:
        """Its Web API."""
        web = Quart("slack")

        @web.post("/api/<method>")
        async def answer(method: str) -> Any:
            called_at = time.monotonic()
            body: bytes = await request.body
            if method == "chat.postMessage" and (match := _PULL.search(body)):
                self.posted_at.setdefault(int(match[1]), called_at)
                async with self.changed:
                    self.changed.notify_all()
            return jsonify({"ok": True, "channel": {"id": "D1"}, "ts": f"{called_at:.6f}", "team_id": "T1"})

        return web

    async def wait_for(self, count: int) -> None:
        """Until so many were posted about, or until it takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLES_WITHIN), self.changed:
                await self.changed.wait_for(lambda: len(self.posted_at) >= count)


class Way:
    """From webhooks to Slack: a web server, a worker and a Slack of ours."""

    def __init__(self, slack: Slack, port: int, ask: Asking) -> None:
        self._slack = slack
        self._port = port
        self._ask = ask
        self._next = 0

    async def measure(self, rate: float, seconds: float) -> list[float]:
        """The seconds from each webhook to its call. Those that led to no call are missing."""
        numbers = range(self._next, self._next + max(1, int(rate * seconds)))
        self._next = numbers.stop
        posted_at = self._slack.posted_at
        before = len(posted_at)
        sent_at = await _ask_for_reviews(self._port, self._ask, numbers, rate)
        await self._slack.wait_for(before + len(numbers))
        return [posted_at[number] - at for number, at in sent_at.items() if number in posted_at]


@asynccontextmanager
async def way(dsn: str, home: Path, ask: Asking) -> AsyncIterator[Way]:
    """The webhooks are what `ask` makes of their number. The first has gone its way."""
    slack = Slack()
    async with serving(slack.web()) as address:
        more = {"SLACK_API_URL": f"{address}/api/", "RIPE_MODE": "live"}
        async with webs.ripe(dsn, home, **more) as port, webs.worker(dsn, home, **more):
            opened = Way(slack, port, ask)
            await opened.measure(1, 1)  # everything is imported and planned
            yield opened


async def measure(dsn: str, home: Path, rate: float, seconds: float) -> tuple[list[float], int]:
    """The seconds from each webhook to its call, and how many calls there should be."""
    payload = payload_of("review_requested")
    await _fill(dsn, payload)

    def ask(number: int) -> bytes:
        return ask_for_review(payload, number, _reviewer(number % REVIEWERS))

    async with way(dsn, home, ask) as opened:
        return await opened.measure(rate, seconds), int(rate * seconds)


async def _fill(dsn: str, payload: dict[str, Any]) -> None:
    """The installation, its repository and its reviewers, who work day and night."""
    async with Database(dsn) as database:
        first = WorkspaceId(await database.fetchval("SELECT min(id) FROM workspace"))
        installation = InstallationId(payload["installation"]["id"])
        of = payload["repository"]
        await save_installation(first, installation)
        await save_repositories(
            first, installation, [Repository(id=RepositoryId(of["id"]), full_name=of["full_name"])]
        )
        for number in range(REVIEWERS):
            account = _reviewer(number)
            person = await upsert_person(first, f"U{account.id}", account.login, "UTC")
            await map_account(first, account.id, account.login, person)
        await database.execute(
            "UPDATE person SET dms_per_day = 1000, spans = $1, dm_channel = 'D' || id", ALL_DAY
        )


def _reviewer(number: int) -> Account:
    return Account(id=AccountId(500_000 + number), login=f"reviewer-{number}")


async def _ask_for_reviews(port: int, ask: Asking, numbers: range, rate: float) -> dict[int, float]:
    """When each webhook was sent, by the number of its pull request."""
    sent_at: dict[int, float] = {}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=tls_context()) as client,
        asyncio.TaskGroup() as group,
    ):
        began = time.monotonic()
        for number in numbers:
            body = ask(number)
            await asyncio.sleep(max(0.0, began + (number - numbers[0]) / rate - time.monotonic()))
            sent_at[10_000 + number] = time.monotonic()
            group.create_task(_post(client, body, number))
    return sent_at


def ask_for_review(payload: dict[str, Any], number: int, account: Account) -> bytes:
    """The body of a webhook that asks for a review of a pull request of its own."""
    reviewer = payload["sender"] | {"id": account.id, "login": account.login}
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # noqa: TID251
    pull_request = payload["pull_request"] | {
        "id": 10_000 + number, "number": 10_000 + number, "requested_reviewers": [reviewer],
        "html_url": f"https://github.com/acme/api/pull/{10_000 + number}",
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    return json.dumps(payload | {"pull_request": pull_request, "requested_reviewer": reviewer}).encode()


async def _post(client: httpx.AsyncClient, body: bytes, number: int) -> None:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": f"calls-{number}",
        "X-Hub-Signature-256": sign(body, SecretStr(SECRET)),
    }
    answer = await client.post("/github/webhooks", content=body, headers=headers)
    answer.raise_for_status()
