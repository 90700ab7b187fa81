"""The sandbox as a process: it installs the App once the bot can hear of it, and finds what people did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from quart import Quart, Response, request

from bot.clock import move_clock
from bot.encryption import tls_context
from bot.sandbox.app import run_sandbox
from bot.settings import Settings
from bot.web.server import find_free_port, serving
from jobq import Database, utc_now
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key


@asynccontextmanager
async def sandbox(dsn: str, home: Path, heard: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    """A sandbox beside a bot that writes down what it hears."""
    bot = Quart("bot")

    @bot.get("/livez")
    async def livez() -> str:
        return "ok"

    @bot.post("/github/webhooks")
    async def accept() -> Response:
        heard.append(request.headers["X-GitHub-Event"])
        return Response(status=202)

    async with serving(bot) as bot_url:
        port, stop = find_free_port("127.0.0.1"), asyncio.Event()
        running = asyncio.create_task(run_sandbox(settings(dsn, home, bot_url), port, stop))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=tls_context()) as client:
                yield client
        finally:
            stop.set()
            await running


def settings(dsn: str, home: Path, bot_url: str) -> Settings:
    values: dict[str, Any] = {
        "database_url": dsn, "public_url": bot_url, "ripe_home": home,
        "github_app_id": APP_ID, "github_app_private_key": private_key(),
        "github_webhook_secret": [WEBHOOK_SECRET],
        "slack_bot_token": "xoxb-sandbox", "slack_signing_secret": "signing secret",
    }  # fmt: skip
    return Settings(_env_file=None, **values)


async def until_installed(client: httpx.AsyncClient) -> Any:
    """The world, once the App is installed."""
    transport = httpx.AsyncHTTPTransport(retries=5, verify=tls_context())
    async with asyncio.timeout(10), httpx.AsyncClient(transport=transport) as patient:
        while True:
            world = (await patient.get(client.base_url.join("/sandbox/world"))).json()
            if world["installations"] and all(d["status"] for d in world["deliveries"]):
                return world


async def test_acts_of_people_survive_a_restart(dsn: str, tmp_path: Path) -> None:
    heard: list[str] = []
    async with sandbox(dsn, tmp_path, heard) as client:
        await until_installed(client)
        opening = {"repository": "acme/api", "author": "ben", "title": "One", "files": ["a.py"]}
        await client.post("/sandbox/github/open_pull_request", json=opening)
        before = await until_installed(client)
    assert heard == ["installation", "pull_request"]
    async with sandbox(dsn, tmp_path, heard) as client:
        after = await until_installed(client)
    assert after["installations"] == before["installations"]
    assert after["pull_requests"] == before["pull_requests"]
    assert [(pull["repository"], pull["title"]) for pull in after["pull_requests"]] == [("acme/api", "One")]
    assert heard == ["installation", "pull_request"]


async def test_it_lives_in_the_time_that_the_sandboxs_clock_shows(
    dsn: str, db: Database, tmp_path: Path
) -> None:
    await move_clock(db, timedelta(days=30))
    async with sandbox(dsn, tmp_path, []) as client:
        await until_installed(client)
        opening = {"repository": "acme/api", "author": "ben", "title": "One", "files": ["a.py"]}
        opened = (await client.post("/sandbox/github/open_pull_request", json=opening)).json()
    assert datetime.fromisoformat(opened["created_at"]) > utc_now() + timedelta(days=29)
