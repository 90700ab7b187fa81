"""Opens what every process needs, once, and closes it again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr

from bot.clock import Clock, follow_clock, sync_clock
from bot.credentials import complete_settings, find_cipher
from bot.flows.workspaces import find_first_workspace
from bot.github.lazy import gateway_at_first_use
from bot.model import WorkspaceId
from bot.modes import ModeSwitch, make_switch
from bot.settings import Settings, SettingsError, require_database
from bot.slack.errors import TokenUnreadableError
from bot.slack.gateway import SlackGateway
from bot.slack.limits import SlackLimits
from bot.slack.workspaces import SlackWorkspaces
from jobq import Database, Queue

if TYPE_CHECKING:
    from bot.github.gateway import GitHubGateway

log = structlog.get_logger()


@dataclass(frozen=True)
class App:
    """The ports of a running bot. Handlers and routes take from it just those that they use."""

    settings: Settings
    database: Database
    queue: Queue
    clock: Clock
    github: "GitHubGateway"
    slack: SlackGateway
    """Of the first workspace, whose token is SLACK_BOT_TOKEN."""
    workspaces: SlackWorkspaces
    workspace_id: WorkspaceId
    """The first workspace's."""
    switch: ModeSwitch


@asynccontextmanager
async def open_app(settings: Settings, clock: Clock | None = None) -> AsyncIterator[App]:
    """Connect to Postgres and make the gateways, which connect when first used.

    Credentials entered at /setup complete the `settings`. Raises SettingsError, which names what is missing,
    and jobq.DatabaseUnavailableError.
    """
    clock = clock or Clock()
    async with make_database(settings) as database:
        environment, settings = settings, await complete_settings(settings)
        workspace_id = await find_first_workspace()
        limits = SlackLimits(workspace_id, clock.now)
        github, slack = make_github(settings, clock), make_slack(settings, clock, limits)
        workspaces = make_workspaces(settings, clock, workspace_id, slack)
        try:
            await _renew_tokens(workspaces)
            yield App(
                settings=settings,
                database=database,
                queue=Queue(database, clock.now),
                clock=clock,
                github=github,
                slack=slack,
                workspaces=workspaces,
                workspace_id=workspace_id,
                switch=make_switch(environment, is_sandbox=settings.is_sandbox),
            )
        finally:
            await workspaces.close()
            await slack.close()
            await github.close()


async def announce(app: App, process: str, **facts: str) -> None:
    """Logs that a process is up, with the mode in which the bot is and where it is reached."""
    mode = (await app.switch.load()).mode
    public = {"public_url": app.settings.public_url} if app.settings.public_url else {}
    log.info(f"{process} is up", version=metadata.version("ripe"), mode=mode, **facts, **public)


def make_database(settings: Settings) -> Database:
    """The bot's database, not yet open. Raises SettingsError when none is set."""
    return Database(
        require_database(settings),
        direct_dsn=settings.direct_url,
        # With a direct address, the usual one is a pooler's: its connections share no prepared statements.
        statement_cache_size=100 if settings.database_direct_url is None else 0,
    )


@asynccontextmanager
async def following_clock(app: App, on_move: Callable[[], object]) -> AsyncIterator[None]:
    """In the sandbox, keep this process's clock as people move it. Elsewhere nothing moves it."""
    if not app.settings.is_sandbox:
        yield
        return
    await sync_clock(app.clock, app.database)
    follower = asyncio.create_task(follow_clock(app.clock, app.database, on_move))
    try:
        yield
    finally:
        follower.cancel()
        await asyncio.wait({follower})


def make_github(settings: Settings, clock: Clock) -> "GitHubGateway":
    """The gateway to GitHub. Raises SettingsError when there is no App."""
    if settings.github_app_id is None or settings.github_app_private_key is None:
        raise SettingsError(
            "GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY, GITHUB_WEBHOOK_SECRET: missing; "
            "`ripe up --setup` makes them in the browser"
        )
    app_id, key, url = settings.github_app_id, settings.github_app_private_key, settings.github_api_url
    return gateway_at_first_use(lambda gateway: gateway(str(app_id), key, url, now=clock.now))


def make_workspaces(
    settings: Settings, clock: Clock, first_id: WorkspaceId, first: SlackGateway
) -> SlackWorkspaces:
    """The gateways to every Slack workspace, opened when first needed."""

    def open_gateway(workspace_id: WorkspaceId, token: SecretStr) -> SlackGateway:
        limits = SlackLimits(workspace_id, clock.now)
        return SlackGateway(token, settings.slack_api_url, limits=limits, now=clock.now)

    return SlackWorkspaces(first_id, first, find_cipher(settings), open_gateway)


async def _renew_tokens(workspaces: SlackWorkspaces) -> None:
    try:
        await workspaces.renew()
    except TokenUnreadableError as error:
        raise SettingsError(str(error)) from None


def make_slack(settings: Settings, clock: Clock, limits: SlackLimits | None = None) -> SlackGateway:
    """The gateway to the first workspace; with `limits` it keeps to Slack's rate limits.

    Raises SettingsError when there is no app.
    """
    if settings.slack_bot_token is None:
        raise SettingsError(
            "SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET: missing; `ripe up --setup` asks for them in the browser"
        )
    return SlackGateway(settings.slack_bot_token, settings.slack_api_url, limits=limits, now=clock.now)
