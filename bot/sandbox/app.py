"""The sandbox: a local GitHub and a local Slack in one process, which send to the bot on this machine."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
from quart import Quart, Response, jsonify

from bot.clock import Clock, follow_clock, sync_clock
from bot.encryption import tls_context
from bot.sandbox.documents import find_document
from bot.sandbox.github.access import Access
from bot.sandbox.github.control import github_control
from bot.sandbox.github.manifest_routes import NEW_APP
from bot.sandbox.github.model import Document
from bot.sandbox.github.routes import github_blueprint
from bot.sandbox.github.seed import REPOSITORIES, seed
from bot.sandbox.github.server import GitHubServer
from bot.sandbox.github.user_access import UserAccess
from bot.sandbox.github.user_routes import AUTHORIZE
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.jobs import reporting_jobs
from bot.sandbox.news import News
from bot.sandbox.report import report_news
from bot.sandbox.slack.oauth import OAuth
from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.world import SlackWorld
from bot.sandbox.snapshot import page_routes
from bot.sandbox.webhooks import Webhooks
from bot.settings import Settings, SettingsError, require_database
from bot.web.limits import limit_requests
from bot.web.origin import guard_sandbox
from bot.web.server import serve_until
from jobq import Database

HOST = "127.0.0.1"
LARGEST_BODY = 1024 * 1024
"""Bytes of a call to GitHub or Slack."""
LOOK_EVERY = 0.1
"""Seconds between two looks whether the bot answers yet."""


def create_sandbox(
    github: GitHubServer, slack: SlackWorld, news: News | None = None, oauth: OAuth | None = None
) -> Quart:
    """GitHub under /api, Slack under /slack, a snapshot of both at `/sandbox/world`, the page's routes."""
    web = Quart("sandbox")
    guard_sandbox(web, open_pages=NEW_APP | AUTHORIZE)
    news = news or News(slack.now)
    report_news(github, slack, news)
    web.register_blueprint(page_routes(github.world, slack, news))
    web.register_blueprint(github_blueprint(github))
    web.register_blueprint(github_control(github))
    web.register_blueprint(slack_blueprint(slack, oauth), url_prefix="/slack")

    limit_requests(web, otherwise=LARGEST_BODY)

    @web.get("/sandbox/world")
    async def world() -> Response:
        return jsonify(_describe_world(github, slack))

    return web


def _describe_world(github: GitHubServer, slack: SlackWorld) -> dict[str, Any]:
    document, webhooks = github.world.document, github.world.webhooks
    return {
        "pull_requests": [
            {"repository": github.world.repo_of(pull).full_name, **pull.model_dump(mode="json")}
            for pull in document.pulls
        ],
        "installations": [installation.model_dump(mode="json") for installation in document.installations],
        "deliveries": [
            {
                "guid": delivery.guid,
                "event": delivery.event,
                "action": delivery.action,
                "status": delivery.status,
            }
            for delivery in webhooks.log
        ],
        "github_calls": github.calls,
        "slack": slack.snapshot(),
    }


async def run_sandbox(settings: Settings, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. RIPE_HOME/sandbox keeps the state of both services for the next run."""
    async with Database(require_database(settings)) as database:
        clock = Clock()
        await sync_clock(clock, database)
        news = News(clock.now)
        follower = asyncio.create_task(
            follow_clock(clock, database, lambda: news.add("clock", "time passed"))
        )
        try:
            async with reporting_jobs(database, news):
                await _serve(settings, clock, news, port, stop)
        finally:
            follower.cancel()
            await asyncio.wait({follower})


async def _serve(settings: Settings, clock: Clock, news: News, port: int, stop: asyncio.Event) -> None:
    address = f"http://{HOST}:{port}"
    github = _make_github(settings, clock, address)
    slack = _make_slack(settings, clock, address)
    installing = asyncio.create_task(_install_app(settings, github))
    closing = asyncio.create_task(_close_news(stop, news))
    try:
        await serve_until(create_sandbox(github, slack, news), HOST, port, stop)
    finally:
        installing.cancel()
        closing.cancel()
        await asyncio.wait({installing, closing})
        await github.world.webhooks.close()
        await slack.close()


async def _close_news(stop: asyncio.Event, news: News) -> None:
    await stop.wait()
    news.close()


async def _install_app(settings: Settings, github: GitHubServer) -> None:
    """Install the App once, as soon as the bot can receive the webhook about it."""
    async with httpx.AsyncClient(timeout=5.0, verify=tls_context()) as client:
        while True:
            with suppress(httpx.HTTPError):
                if (await client.get(f"{settings.public_url}/livez")).is_success:
                    break
            await asyncio.sleep(LOOK_EVERY)
    if not github.world.document.installations:
        github.world.install(REPOSITORIES)


def _make_github(settings: Settings, clock: Clock, address: str) -> GitHubServer:
    if settings.github_app_id is None or settings.github_app_private_key is None:
        raise SettingsError("GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY: missing; `ripe up` makes them")
    file = settings.ripe_home / "sandbox" / "github.json"
    webhooks = Webhooks(
        f"{settings.public_url}/github/webhooks", settings.github_webhook_secret[0], clock.now
    )
    world = GitHubWorld(
        find_document(file, Document) or seed(settings.github_app_id),
        webhooks,
        clock.now,
        api=f"{address}/api/v3",
        web=address,
        file=file,
    )
    access = Access(settings.github_app_id, settings.github_app_private_key)
    return GitHubServer(world, access, _make_user_access(settings))


def _make_user_access(settings: Settings) -> UserAccess:
    if settings.github_client_id is None or settings.github_client_secret is None:
        return UserAccess()
    return UserAccess(settings.github_client_id, settings.github_client_secret)


def _make_slack(settings: Settings, clock: Clock, address: str) -> SlackWorld:
    if settings.slack_bot_token is None or settings.slack_signing_secret is None:
        raise SettingsError("SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET: missing; `ripe up` makes them")
    slack = SlackWorld(
        clock.now,
        settings.slack_bot_token,
        settings.slack_signing_secret,
        settings.public_url or "",
        settings.ripe_home / "sandbox" / "slack.json",
    )
    slack.base_url = f"{address}/slack"
    return slack
