"""`ripe forget` as a shell sees it."""

import asyncio
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.flows.workspaces import find_first_workspace
from bot.github.model import Account, Repository
from bot.github.store import mark_installation, save_installation, save_repositories
from bot.model import AccountId, InstallationId, RepositoryId
from jobq import Database
from tests.github_server import APP_ID, WEBHOOK_SECRET, private_key
from tests.shell import ripe

Shell = Callable[..., subprocess.CompletedProcess[str]]
ACME = InstallationId(5)


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ripe(
            tmp_path,
            "forget",
            *arguments,
            DATABASE_URL=dsn,
            GITHUB_APP_ID=str(APP_ID),
            GITHUB_APP_PRIVATE_KEY=private_key().get_secret_value(),
            GITHUB_WEBHOOK_SECRET=WEBHOOK_SECRET.get_secret_value(),
            SLACK_BOT_TOKEN="xoxb-none",
            SLACK_SIGNING_SECRET="signing secret",
        )

    return run


@pytest.fixture
def uninstalled(dsn: str) -> None:
    """acme with one repository. Its owner has just uninstalled the App."""

    async def run() -> None:
        async with Database(dsn):
            workspace_id = await find_first_workspace()
            await save_installation(workspace_id, ACME, Account(id=AccountId(100), login="acme"))
            repository = Repository(id=RepositoryId(301), full_name="acme/api")
            await save_repositories(workspace_id, ACME, [repository])
            await mark_installation(ACME, deleted_at=datetime(2026, 3, 2, tzinfo=UTC))

    asyncio.run(run())


@pytest.mark.usefixtures("uninstalled")
def test_it_counts_first_and_deletes_with_yes(shell: Shell) -> None:
    counted = shell("acme")
    assert counted.returncode == 0
    assert counted.stdout.splitlines()[:3] == ["Would be deleted:", "installations: 1", "repositories: 1"]
    assert "Nothing was deleted; --yes does it." in counted.stdout
    deleted = shell("acme", "--yes")
    assert (deleted.returncode, deleted.stdout.splitlines()[0]) == (0, "Deleted:")
    assert shell("acme", "--yes").returncode == 1


def test_an_unknown_owner_is_named_and_fails(shell: Shell) -> None:
    ended = shell("nobody")
    assert ended.returncode == 1
    assert "Nothing is known of nobody." in ended.stderr
