"""The whole bot, driven as people drive it: GitHub and Slack over HTTP, a real Postgres, a clock that moves.

Nothing is pretended but the passing of time: webhooks are signed and posted, DMs go through Slack's API, and
every job that is ripe runs to its end before the next sentence of a test.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.actions.apply_config import apply_config
from bot.actions.import_people import import_people
from bot.app import App, open_app
from bot.clock import Clock
from bot.sandbox.app import create_sandbox
from bot.sandbox.entry import make_pages
from bot.sandbox.github.access import Access
from bot.sandbox.github.model import Pull
from bot.sandbox.github.routes import GitHubServer
from bot.sandbox.github.seed import REPOSITORIES, seed
from bot.sandbox.github.user_access import UserAccess
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.slack.model import Message, State
from bot.sandbox.slack.oauth import OAuth
from bot.sandbox.slack.seed import seed_state
from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.world import SlackWorld
from bot.sandbox.webhooks import Webhooks
from bot.settings import Settings
from bot.slack.bolt import SlackApp
from bot.slack.socket_mode import hearing_slack
from bot.web.app import create_web
from bot.web.server import find_free_port, serving
from bot.web.slack import create_slack_app
from bot.worker import build_handlers
from jobq import Settlement, utc_now
from jobq.testing import drain
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key

PEOPLE = """\
github_login,email
ana,ana@acme.example
ben,ben@acme.example
cho,cho@acme.example
"""
RULES = """\
repositories:
  acme/api:
    rules:
      - {paths: ["billing/**", "*.sql"], people: [ana, cho]}
      - {paths: ["docs/**"], people: [cho]}
"""
GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET = "Iv23journeys", "client secret on GitHub"
MOST_ROUNDS = 30
CLIENT_ID, CLIENT_SECRET = "1111.2222", "client secret"
APP_TOKEN = "xapp-1-A0RIPE0001-1-journeys"


@dataclass
class Whole:
    """A running bot and the world around it. A person has the same name on GitHub and in Slack."""

    app: App
    clock: Clock
    server: GitHubServer
    github: GitHubWorld
    slack: SlackWorld
    listeners: SlackApp
    beta: SlackWorld
    """Another workspace, with people of the same names, in which the app is not installed."""

    async def settle(self) -> list[Settlement]:
        """Until every webhook is delivered and every ripe job has run."""
        settled: list[Settlement] = []
        for _ in range(MOST_ROUNDS):
            await self.listeners.finish()
            await self.github.webhooks.idle()
            done = await drain(self.app.queue, build_handlers(self.app))
            settled += done
            if not done:
                return settled
        raise AssertionError("the bot does not come to rest")

    async def pass_time(self, **amount: float) -> None:
        """Time passes step by step, so that everything happens when it is due."""
        await self.settle()
        end = self.clock.now() + timedelta(**amount)
        while (next_at := await self._next_due()) is not None and next_at <= end:
            self.clock.shift += max(next_at - self.clock.now(), timedelta(0))
            await self.settle()
        self.clock.shift += end - self.clock.now()
        await self.settle()

    async def go_to(self, instant: datetime) -> None:
        await self.pass_time(seconds=(instant - self.clock.now()).total_seconds())

    async def open_pull_request(self, *files: str, author: str = "ben", draft: bool = False) -> Pull:
        """A pull request in acme/api, and what follows within two minutes."""
        pull = self.github.open_pull_request("acme/api", author, "Round up", files, draft=draft)
        await self.settle()
        await self.pass_time(minutes=2)
        return pull

    def dms(self, name: str) -> list[str]:
        """The texts that a person sees in their DM with the bot, oldest first."""
        return [self.slack.rendered_text(message) for message in self.messages(name)]

    def messages(self, name: str) -> list[Message]:
        return self.slack.messages_to(name)

    def reminders(self, name: str) -> int:
        """How many DMs about reviews a person ever got, collapsed ones included."""
        return sum(message.metadata is not None for message in self.messages(name))

    def live(self, name: str) -> list[str]:
        """The DMs that still ask something of a person: those with buttons."""
        return [text for text in self.dms(name) if "[Mute]" in text]

    async def _next_due(self) -> datetime | None:
        due: datetime | None = await self.app.database.fetchval("SELECT min(ripe_at) FROM job")
        return due


@asynccontextmanager
async def whole_bot(
    dsn: str,
    starts_at: datetime,
    *,
    people: str = PEOPLE,
    rules: str = RULES,
    sockets: Sockets | None = None,
) -> AsyncIterator[Whole]:
    """A bot installed on acme's repositories, with its people and rules, at a moment in time.

    With `sockets` its Slack app is in Socket Mode.
    """
    clock = Clock(starts_at - utc_now())
    bot_port, world_port = find_free_port("127.0.0.1"), find_free_port("127.0.0.1")
    bot_url, world_url = f"http://127.0.0.1:{bot_port}", f"http://127.0.0.1:{world_port}"
    settings = _settings(dsn, bot_url, world_url)
    if sockets is not None:
        in_socket_mode = {"slack_app_token": SecretStr(APP_TOKEN), "slack_signing_secret": None}
        settings = settings.model_copy(update=in_socket_mode)
    server, slack = _make_world(clock, bot_url, world_url)
    beta = _make_slack(clock, bot_url, world_url, "xoxb-nowhere")
    slack.sender.sockets = beta.sender.sockets = sockets
    beta.state = seed_state(State(team_id="T0BETA0001", team_name="Beta", team_domain="beta"))
    oauth = OAuth(CLIENT_ID, SecretStr(CLIENT_SECRET), f"{bot_url}/slack/oauth_redirect", [slack, beta])
    sandbox = create_sandbox(server, slack, oauth=oauth)
    try:
        async with (
            open_app(settings, clock) as app,
            serving(create_web(app, listeners := create_slack_app(app), make_pages(app)), port=bot_port),
            serving(sandbox, port=world_port),
            hearing_slack(
                listeners, app.settings.slack_app_token, app.settings.slack_api_url, ping_every=0.1
            ),
        ):
            whole = Whole(app, clock, server, server.world, slack, listeners, beta)
            await _install(whole, people, rules)
            yield whole
    finally:
        await server.world.webhooks.close()
        await slack.close()
        await beta.close()


async def _install(whole: Whole, people: str, rules: str) -> None:
    whole.github.install(REPOSITORIES)
    await whole.settle()
    app = whole.app
    imported = await import_people(
        people, "people.csv", app.workspace_id, apply=True,
        github=app.github, slack=app.slack, queue=app.queue, clock=app.clock,
    )  # fmt: skip
    assert imported.is_ok, imported.lines()
    applied = await apply_config(rules, app.workspace_id, queue=app.queue, now=whole.clock.now())
    assert applied.is_ok, applied.lines()


def _settings(dsn: str, bot_url: str, world_url: str) -> Settings:
    own = {
        "database_url": SecretStr(dsn), "public_url": bot_url, "sandbox_url": world_url,
        "github_api_url": f"{world_url}/api/v3", "github_web_url": world_url,
        "slack_api_url": f"{world_url}/slack/api/",
        "secret_keys": [SecretStr(Fernet.generate_key().decode())],
    }  # fmt: skip
    return _common_settings().model_copy(update=own)


@cache
def _common_settings() -> Settings:
    """Made once, because it looks for each setting in the environment: a third of the start of a bot."""
    values: Mapping[str, object] = {
        "github_app_id": APP_ID, "github_app_private_key": private_key(),
        "github_webhook_secret": [WEBHOOK_SECRET],
        "github_client_id": GITHUB_CLIENT_ID, "github_client_secret": GITHUB_CLIENT_SECRET,
        "slack_bot_token": "xoxb-sandbox", "slack_signing_secret": "signing secret",
        "slack_client_id": CLIENT_ID, "slack_client_secret": CLIENT_SECRET,
    }  # fmt: skip
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def _make_world(clock: Clock, bot_url: str, world_url: str) -> tuple[GitHubServer, SlackWorld]:
    webhooks = Webhooks(f"{bot_url}/github/webhooks", WEBHOOK_SECRET, clock.now)
    github = GitHubWorld(seed(APP_ID), webhooks, clock.now, api=f"{world_url}/api/v3", web=world_url)
    slack = _make_slack(clock, bot_url, world_url, "xoxb-sandbox")
    users = UserAccess(GITHUB_CLIENT_ID, SecretStr(GITHUB_CLIENT_SECRET))
    return GitHubServer(github, Access(APP_ID, private_key()), users), slack


def _make_slack(clock: Clock, bot_url: str, world_url: str, token: str) -> SlackWorld:
    slack = SlackWorld(clock.now, SecretStr(token), SecretStr("signing secret"), bot_url, None)
    slack.base_url = f"{world_url}/slack"
    return slack


MONDAY_MORNING = datetime(2037, 11, 23, 9, 0, tzinfo=UTC)
"""10:00 in Berlin, where Ana and Cho work; 9:00 in London, where Ben does. The sandbox only moves ahead."""
