"""The ports that the checks examine. Unlike `open_app`, this opens what it can and leaves out the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from bot.clock import Clock, sync_clock
from bot.credentials import complete_settings, find_cipher
from bot.doctor.model import CheckSkippedError
from bot.github.lazy import gateway_at_first_use
from bot.settings import Settings, SettingsError
from bot.slack.gateway import SlackGateway
from bot.slack.store import list_sealed_tokens
from bot.slack.workspaces import explain_unreadable, list_unreadable
from jobq import TRANSIENT_ERRORS, Database, Queue, wait_without_cancelling

if TYPE_CHECKING:
    from bot.github.gateway import GitHubGateway

CONNECTS_WITHIN = 5.0
"""Seconds."""


@dataclass(frozen=True)
class DoctorPorts:
    """The ports of a bot. Those that could not be opened are None.

    `unreachable` is why there is no database, `undecrypted` why credentials from /setup cannot be read.
    """

    settings: Settings
    clock: Clock
    database: Database | None
    unreachable: Exception | None
    github: "GitHubGateway | None"
    slack: SlackGateway | None
    undecrypted: SettingsError | None = None

    def load_database(self) -> Database:
        """Raises CheckSkippedError if there is none."""
        if self.database is None:
            raise CheckSkippedError("needs the database")
        return self.database

    def load_queue(self) -> Queue:
        """Raises CheckSkippedError if there is none."""
        return Queue(self.load_database(), self.clock.now)

    def load_github(self) -> "GitHubGateway":
        """Raises CheckSkippedError if there is none."""
        if self.github is None:
            raise CheckSkippedError("no GitHub App is set")
        return self.github

    def load_slack(self) -> SlackGateway:
        """Raises CheckSkippedError if there is none."""
        if self.slack is None:
            raise CheckSkippedError("no Slack app is set")
        return self.slack


@asynccontextmanager
async def open_ports(
    settings: Settings, clock: Clock | None = None, connects_within: float = CONNECTS_WITHIN
) -> AsyncIterator[DoctorPorts]:
    """Open what can be opened. Raises nothing for what is wrong with the bot: the checks report that."""
    clock = clock or Clock()
    database = _database(settings)
    unreachable = await _open(database, connects_within) if database else None
    reached = database if unreachable is None else None
    github, slack = None, None
    try:
        settings, undecrypted = await _complete(settings, reached)
        github, slack = _github(settings), _slack(settings, clock)
        if settings.is_sandbox and reached is not None:
            await _sync(clock, reached)
        yield DoctorPorts(settings, clock, reached, unreachable, github, slack, undecrypted)
    finally:
        if database is not None:
            await database.close()
        if slack is not None:
            await slack.close()
        if github is not None:
            await github.close()


async def _complete(settings: Settings, database: Database | None) -> tuple[Settings, SettingsError | None]:
    """The settings with what was entered at /setup, and the error if that cannot be decrypted."""
    if database is None:
        return settings, None
    try:
        with database.ambient():
            return await complete_settings(settings), await _find_unreadable_token(settings)
    except SettingsError as error:
        return settings, error
    except (*TRANSIENT_ERRORS, asyncpg.PostgresError):
        return settings, None  # the checks of the database report it


async def _find_unreadable_token(settings: Settings) -> SettingsError | None:
    """Whether the Slack tokens in Postgres were encrypted with a key that this bot does not have."""
    sealed = await list_sealed_tokens()
    unreadable = list_unreadable(find_cipher(settings), sealed)
    return SettingsError(explain_unreadable(unreadable[0])) if unreadable else None


def _database(settings: Settings) -> Database | None:
    if settings.database_url is None:
        return None
    return Database(
        settings.database_url.get_secret_value(),
        direct_dsn=settings.direct_url,
        # As in open_app: behind a pooler no statement is known on the next connection.
        statement_cache_size=100 if settings.database_direct_url is None else 0,
    )


async def _open(database: Database, within: float) -> Exception | None:
    """Open the database; return why that failed, if it did."""
    opening = asyncio.create_task(database.open())
    if await wait_without_cancelling(opening, within):
        error = opening.exception()
        return error if isinstance(error, Exception) else None
    opening.cancel()
    return TimeoutError(f"no answer in {within:g} s")


async def _sync(clock: Clock, database: Database) -> None:
    try:
        await sync_clock(clock, database)
    except TRANSIENT_ERRORS:
        return  # the table is missing: the check of the migrations reports it


def _github(settings: Settings) -> "GitHubGateway | None":
    if settings.github_app_id is None or settings.github_app_private_key is None:
        return None
    app_id, key, url = settings.github_app_id, settings.github_app_private_key, settings.github_api_url
    return gateway_at_first_use(lambda gateway: gateway(str(app_id), key, url, timeout=5))


def _slack(settings: Settings, clock: Clock) -> SlackGateway | None:
    if settings.slack_bot_token is None:
        return None
    return SlackGateway(settings.slack_bot_token, settings.slack_api_url, now=clock.now, timeout=5.0)
