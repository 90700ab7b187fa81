"""A bot in its setup, a GitHub and a Slack, and what a person does with them in a browser."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.clock import Clock
from bot.encryption import tls_context
from bot.sandbox.app import create_sandbox
from bot.sandbox.github.access import Access
from bot.sandbox.github.seed import seed
from bot.sandbox.github.server import GitHubServer
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.world import SlackWorld
from bot.sandbox.webhooks import Webhooks
from bot.settings import Settings
from bot.web.app import create_setup_web
from bot.web.server import find_free_port, serving
from bot.web.setup.passes import issue_token
from jobq import Database, utc_now
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key

TOKEN, SIGNING_SECRET, APP_TOKEN = "xoxb-real", "signing secret", "xapp-real"


@dataclass
class Scene:
    """A bot without credentials, the GitHub and the Slack to connect it to, and its printed token."""

    settings: Settings
    database: Database
    github: GitHubServer
    slack: SlackWorld
    token: str
    address: str

    @property
    def world_url(self) -> str:
        return self.settings.github_web_url

    def browser(self) -> httpx.AsyncClient:
        """A browser without cookies."""
        return httpx.AsyncClient(
            base_url=self.address, follow_redirects=True, timeout=10.0, verify=tls_context()
        )

    async def conversions(self) -> int:
        return sum("/conversions" in call for call in self.github.calls)


@dataclass
class World:
    """A GitHub and a Slack to connect a bot to."""

    github: GitHubServer
    slack: SlackWorld
    address: str

    def environment(self) -> dict[str, str]:
        """The settings with which a bot finds them."""
        return {
            "GITHUB_API_URL": f"{self.address}/api/v3",
            "GITHUB_WEB_URL": self.address,
            "SLACK_API_URL": f"{self.address}/slack/api/",
        }


@asynccontextmanager
async def served_world(bot_address: str) -> AsyncIterator[World]:
    """Serve both. Of the bot they know its address only."""
    port = find_free_port("127.0.0.1")
    address, clock = f"http://127.0.0.1:{port}", Clock()
    webhooks = Webhooks("http://127.0.0.1:9/nowhere", WEBHOOK_SECRET, clock.now)
    github = GitHubServer(
        GitHubWorld(seed(APP_ID), webhooks, clock.now, api=f"{address}/api/v3", web=address),
        Access(APP_ID, private_key()),
    )
    slack = SlackWorld(clock.now, SecretStr(TOKEN), SecretStr(SIGNING_SECRET), bot_address, None)
    slack.base_url = f"{address}/slack"
    slack.sender.sockets = Sockets(SecretStr(APP_TOKEN))
    slack.sender.sockets.is_on = False
    try:
        async with serving(create_sandbox(github, slack), port=port):
            yield World(github, slack, address)
    finally:
        await webhooks.close()
        await slack.close()


@asynccontextmanager
async def setup_scene(db: Database, dsn: str) -> AsyncIterator[Scene]:
    """Serve a world and a bot, and issue a link to its setup."""
    port = find_free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    async with served_world(address) as world:
        values = {name.lower(): value for name, value in world.environment().items()}
        settings = Settings(
            _env_file=None,
            database_url=dsn,
            secret_keys=[Fernet.generate_key().decode()],
            ripe_setup=True,
            **values,  # type: ignore[arg-type]
        )
        token = await issue_token(utc_now())
        async with serving(await create_setup_web(settings, db), port=port):
            yield Scene(settings, db, world.github, world.slack, token, address)


@asynccontextmanager
async def entered(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has spent the link."""
    async with scene.browser() as browser:
        page = await browser.get("/setup", params={"token": scene.token})
        assert page.status_code == 200
        yield browser


async def send(browser: httpx.AsyncClient, path: str, **form: object) -> httpx.Response:
    """Post a form as a browser does from one of our own pages."""
    origin = str(browser.base_url).rstrip("/")
    return await browser.post(path, data=form, headers={"Origin": origin})


async def choose(browser: httpx.AsyncClient, scene: Scene, profile: str = "assign", **more: object) -> None:
    page = await send(
        browser, "/setup/profile", profile=profile, owner="acme", public_url=scene.address, **more
    )
    assert page.status_code == 200, page.text
    assert page.url.path == "/setup/github"


@dataclass(frozen=True)
class Form:
    """The form that takes a manifest to GitHub."""

    action: str
    manifest: str

    @property
    def state(self) -> str:
        [state] = parse_qs(urlsplit(self.action).query)["state"]
        return state


async def form_for_github(browser: httpx.AsyncClient) -> Form:
    page = (await browser.get("/setup/github")).text
    action = re.search(r'<form method="post" action="([^"]+)"', page)
    manifest = re.search(r'name="manifest" value="([^"]+)"', page)
    assert action is not None
    assert manifest is not None
    return Form(html.unescape(action[1]), html.unescape(manifest[1]))


async def confirm_on_github(form: Form) -> str:
    """Do what a person does on GitHub. Returns the address to which GitHub sends them back."""
    async with httpx.AsyncClient(follow_redirects=False, verify=tls_context()) as github:
        asked = await github.post(
            form.action, data={"manifest": form.manifest}, headers={"Origin": "http://127.0.0.1:1"}
        )
        assert asked.status_code == 200, asked.text
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', asked.text))
        address = f"http://{urlsplit(form.action).netloc}"
        made = await github.post(
            f"{address}/settings/apps",
            data={name: html.unescape(value) for name, value in fields.items()},
            headers={"Origin": address},
        )
    assert made.status_code == 302, made.text
    return made.headers["Location"]


async def connect_github(browser: httpx.AsyncClient) -> httpx.Response:
    return await browser.get(await confirm_on_github(await form_for_github(browser)))


async def connect_slack(browser: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    return await send(
        browser, "/setup/slack", slack_bot_token=token, slack_signing_secret=f" {SIGNING_SECRET} "
    )


PAGES = (
    "/setup", "/setup/profile", "/setup/github", "/setup/github/callback", "/setup/slack",
    "/setup/slack/manifest.json", "/setup/slack/socket-manifest.json", "/setup/check", "/setup/mode",
)  # fmt: skip
