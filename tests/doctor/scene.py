"""A whole, healthy bot for the doctor to examine. A test then breaks one thing of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.clock import Clock
from bot.doctor.doctor import examine
from bot.doctor.model import Finding
from bot.doctor.ports import open_ports
from bot.encryption import load_private_key, tls_context
from bot.sandbox.slack.socket_mode import Sockets
from bot.settings import Settings
from jobq import utc_now
from tests.github_server import APP_ID, private_key
from tests.journeys.whole import MONDAY_MORNING, RULES, Whole, whole_bot

EVERYWHERE = f"""{RULES}  acme/web:
    rules: [{{paths: ["**"], people: [cho]}}]
"""
SHARED = pytest.mark.asyncio(loop_scope="package")
"""For tests that change no bot, so that one can serve them all."""


@dataclass
class Scene:
    """The bot, and the settings and the clock with which the doctor looks at it. Tests may replace both."""

    bot: Whole
    settings: Settings
    dsn: str
    within: float = 5.0
    clock: Callable[[], Clock] = Clock

    def set(self, **values: Any) -> None:
        """Change settings of the doctor."""
        self.settings = Settings(_env_file=None, **(self.settings.model_dump() | values))

    async def execute(self, sql: str, *arguments: object) -> None:
        """Run SQL on the bot's database."""
        await self.bot.app.database.execute(sql, *arguments)

    async def change_app(self, **changes: Any) -> None:
        """Change what the App asks for, as its owner does on GitHub's page."""
        async with httpx.AsyncClient(verify=tls_context()) as client:
            answer = await client.post(f"{self.settings.sandbox_url}/sandbox/github/change_app", json=changes)
        assert answer.is_success, answer.text

    async def change_hook(self, **changes: str) -> None:
        """Change the webhook's configuration, as the App itself may."""
        now = int(utc_now().timestamp())
        claims = {"iat": now - 10, "exp": now + 300, "iss": str(APP_ID)}
        token = jwt.encode(claims, load_private_key(private_key().get_secret_value()), algorithm="RS256")
        async with httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"}, verify=tls_context()
        ) as client:
            url = f"{self.settings.github_api_url}/app/hook/config"
            answer = await client.patch(url, json=changes)
        assert answer.is_success, answer.text

    async def examine(self) -> dict[str, Finding]:
        """The doctor's findings, by check."""
        async with open_ports(self.settings, self.clock(), connects_within=1.0) as ports:
            return {finding.check: finding for finding in await examine(ports, within=self.within)}


@asynccontextmanager
async def healthy(dsn: str, sockets: Sockets | None = None) -> AsyncIterator[Scene]:
    """A bot with a pull request that has led to a DM. With `sockets` it is in Socket Mode."""
    async with whole_bot(dsn, MONDAY_MORNING, rules=EVERYWHERE, sockets=sockets) as bot:
        await bot.open_pull_request("billing/invoice.py")
        # The doctor reads the clock's shift from the database, which this bot has not written to.
        await bot.app.database.execute("INSERT INTO sandbox_clock (shift) VALUES ($1)", bot.clock.shift)
        settings = bot.app.settings.model_copy(
            update={"secret_keys": [SecretStr(Fernet.generate_key().decode())]}
        )
        yield Scene(bot, settings, dsn)
