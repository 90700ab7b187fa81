"""`ripe accounts` and `ripe slack-link` as a shell sees them."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

from bot.flows.workspaces import find_first_workspace
from bot.github.access import note_waiting
from bot.github.model import Account
from bot.model import AccountId, InstallationId
from jobq import Database
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key
from tests.shell import ripe


def test_the_operator_allows_an_account_and_makes_a_link(tmp_path: Path, dsn: str) -> None:
    settings = {
        "DATABASE_URL": dsn,
        "GITHUB_APP_ID": str(APP_ID),
        "GITHUB_APP_PRIVATE_KEY": private_key().get_secret_value(),
        "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET.get_secret_value(),
        "SLACK_BOT_TOKEN": "xoxb-none",
        "SLACK_SIGNING_SECRET": "signing secret",
        "SLACK_CLIENT_ID": "1.2",
        "SLACK_CLIENT_SECRET": "client secret",
        "SECRET_KEYS": Fernet.generate_key().decode(),
        "PUBLIC_URL": "https://ripe.example.com",
    }

    async def wait() -> None:
        async with Database(dsn):
            workspaces, account = (
                [await find_first_workspace()],
                Account(id=AccountId(666), login="evil-corp"),
            )
            await note_waiting(workspaces, account, InstallationId(9), datetime(2026, 3, 2, tzinfo=UTC))

    asyncio.run(wait())
    assert (
        "evil-corp (666): waiting since 2026-03-02" in ripe(tmp_path, "accounts", "list", **settings).stdout
    )
    allowed = ripe(tmp_path, "accounts", "allow", "Evil-Corp", **settings)
    assert "Ripe works for evil-corp from now on." in allowed.stdout
    link = ripe(tmp_path, "slack-link", **settings).stdout
    assert re.search(r"https://ripe\.example\.com/slack/install\?invite=[\w-]{43}\n", link)
