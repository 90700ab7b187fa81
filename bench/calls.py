"""From a webhook to the call of Slack: GitHub asks reviewers, and a Slack of ours notes when it is called."""

import asyncio
import contextlib
import json
import re
import time
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


async def measure(dsn: str, home: Path, rate: float, seconds: float) -> tuple[list[float], int]:
    """The seconds from each webhook to its call, and how many calls there should be."""
    slack = Slack()
    payload = payload_of("review_requested")
    await _fill(dsn, payload)
    numbers = range(1, 1 + int(rate * seconds))
    async with serving(slack.web()) as address:
        more = {"SLACK_API_URL": f"{address}/api/", "RIPE_MODE": "live"}
        async with webs.ripe(dsn, home, **more) as port, webs.worker(dsn, home, **more):
            await _ask_for_reviews(port, payload, range(1), rate)  # everything is imported and planned
            await slack.wait_for(1)
            sent_at = await _ask_for_reviews(port, payload, numbers, rate)
            await slack.wait_for(1 + len(numbers))
    times = [slack.posted_at[number] - at for number, at in sent_at.items() if number in slack.posted_at]
    return times, len(numbers)


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


async def _ask_for_reviews(
    port: int, payload: dict[str, Any], numbers: range, rate: float
) -> dict[int, float]:
    """When each webhook was sent, by the number of its pull request."""
    sent_at: dict[int, float] = {}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=tls_context()) as client,
        asyncio.TaskGroup() as group,
    ):
        began = time.monotonic()
        for number in numbers:
            body = _asking(payload, number)
            await asyncio.sleep(max(0.0, began + (number - numbers[0]) / rate - time.monotonic()))
            sent_at[10_000 + number] = time.monotonic()
            group.create_task(_post(client, body, number))
    return sent_at


def _asking(payload: dict[str, Any], number: int) -> bytes:
    account = _reviewer(number % REVIEWERS)
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
