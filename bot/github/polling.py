"""What polling compares: what GitHub shows the App, and what we know. Uses the ambient database."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic_core import from_json

from bot.github.model import (
    Account,
    NotFound,
    Repository,
)
from bot.github.payloads import parse_account
from bot.model import InstallationId, RepositoryId, Value
from jobq import current_database

PER_PAGE = 100
_KNOWN = "SELECT id, account_id, account_login, permissions, suspended_at FROM installation"


class GitHub(Protocol):
    """Raises as the gateway does."""

    async def load_as_app(self, path: str) -> Any: ...


class SeenInstallation(Value):
    """The App on one account, as GitHub shows it."""

    id: InstallationId
    account: Account
    permissions: dict[str, str]
    is_suspended: bool


class KnownInstallation(Value):
    """The same as we know it. The account is None until a webhook or a poll has told of it."""

    id: InstallationId
    account: Account | None
    permissions: dict[str, str]
    is_suspended: bool


async def list_seen_installations(github: GitHub) -> tuple[SeenInstallation, ...]:
    """All of them."""
    seen: list[SeenInstallation] = []
    while True:
        page = len(seen) // PER_PAGE + 1
        found = await github.load_as_app(f"/app/installations?per_page={PER_PAGE}&page={page}")
        seen += [_seen(one) for one in found]
        if len(found) < PER_PAGE:
            return tuple(seen)


async def is_gone(github: GitHub, installation_id: InstallationId) -> bool:
    """Whether GitHub does not know it. That it was missing in a list is not enough to forget somebody."""
    try:
        await github.load_as_app(f"/app/installations/{installation_id}")
    except NotFound:
        return True
    return False


def _seen(one: Mapping[str, Any]) -> SeenInstallation:
    return SeenInstallation(
        id=one["id"],
        account=parse_account(one["account"]),
        permissions=one["permissions"],
        is_suspended=one.get("suspended_at") is not None,
    )


async def list_known_installations() -> tuple[KnownInstallation, ...]:
    """Those that were not deleted, of every workspace."""
    rows = await current_database().fetch(f"{_KNOWN} WHERE deleted_at IS NULL ORDER BY id")
    return tuple(_known(row) for row in rows)


async def find_known_installation(installation_id: InstallationId) -> KnownInstallation | None:
    """None where it was deleted."""
    row = await current_database().fetchrow(f"{_KNOWN} WHERE id = $1 AND deleted_at IS NULL", installation_id)
    return None if row is None else _known(row)


def _known(row: Mapping[str, Any]) -> KnownInstallation:
    account = Account(id=row["account_id"], login=row["account_login"]) if row["account_id"] else None
    return KnownInstallation(
        id=row["id"],
        account=account,
        permissions=from_json(row["permissions"]),
        is_suspended=row["suspended_at"] is not None,
    )


async def list_known_repositories(installation_id: InstallationId) -> tuple[Repository, ...]:
    """What the installation saw when we heard of it last."""
    rows = await current_database().fetch(
        "SELECT id, full_name FROM repository WHERE installation_id = $1 AND removed_at IS NULL ORDER BY id",
        installation_id,
    )
    return tuple(Repository(id=row["id"], full_name=row["full_name"]) for row in rows)


async def list_longest_unpolled(installation_id: InstallationId, most: int) -> tuple[RepositoryId, ...]:
    """Whose turn it is."""
    rows = await current_database().fetch(
        """
        SELECT id FROM repository WHERE installation_id = $1 AND removed_at IS NULL
        ORDER BY polled_at NULLS FIRST, id LIMIT $2
        """,
        installation_id,
        most,
    )
    return tuple(RepositoryId(row["id"]) for row in rows)


async def record_polled(repository_id: RepositoryId, polled_to: datetime | None, at: datetime) -> None:
    """It was looked at; `polled_to` only moves on."""
    await current_database().execute(
        "UPDATE repository SET polled_at = $3, polled_to = greatest(polled_to, $2) WHERE id = $1",
        repository_id,
        polled_to,
        at,
    )


POLL_EVERY = timedelta(minutes=1)


REPOSITORIES_A_POLL = 40
"""Repositories of one installation in one minute: half of the 5,000 requests that it has in an hour."""
