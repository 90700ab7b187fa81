"""The stored installations and repositories, for polling to compare. Uses the ambient database."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json

from bot.github.model import Account, Repository
from bot.model import InstallationId, RepositoryId, Value
from jobq import current_database

POLL_EVERY = timedelta(minutes=1)
REPOSITORIES_A_POLL = 40
"""Repositories of one installation in one minute: half of the 5,000 requests that it has in an hour."""


class PolledInstallation(Value):
    """An installation as it is stored. `account` is None until a webhook or a poll names it."""

    id: InstallationId
    account: Account | None
    permissions: dict[str, str]
    is_suspended: bool
    is_deleted: bool = False


async def list_polled_installations() -> tuple[PolledInstallation, ...]:
    """Those of every workspace that were not deleted."""
    rows = await current_database().fetch(
        """
        SELECT id, account_id, account_login, permissions, suspended_at FROM installation
        WHERE deleted_at IS NULL ORDER BY id
        """
    )
    return tuple(_polled_installation(row) for row in rows)


async def find_polled_installation(installation_id: InstallationId) -> PolledInstallation | None:
    """None if it was deleted."""
    row = await current_database().fetchrow(
        """
        SELECT id, account_id, account_login, permissions, suspended_at FROM installation
        WHERE id = $1 AND deleted_at IS NULL
        """,
        installation_id,
    )
    return None if row is None else _polled_installation(row)


async def lock_installation(installation_id: InstallationId) -> PolledInstallation | None:
    """The stored installation, deleted or not, which nobody else changes until the transaction ends."""
    row = await current_database().fetchrow(
        """
        SELECT id, account_id, account_login, permissions, suspended_at, deleted_at IS NOT NULL AS is_deleted
        FROM installation WHERE id = $1 FOR NO KEY UPDATE
        """,
        installation_id,
    )
    if row is None:
        return None
    return _polled_installation(row).model_copy(update={"is_deleted": row["is_deleted"]})


def _polled_installation(row: Mapping[str, Any]) -> PolledInstallation:
    account = Account(id=row["account_id"], login=row["account_login"]) if row["account_id"] else None
    return PolledInstallation(
        id=row["id"],
        account=account,
        permissions=from_json(row["permissions"]),
        is_suspended=row["suspended_at"] is not None,
    )


async def list_polled_repositories(installation_id: InstallationId) -> tuple[Repository, ...]:
    """The repositories that the installation saw, by the last webhook or poll."""
    rows = await current_database().fetch(
        "SELECT id, full_name FROM repository WHERE installation_id = $1 AND removed_at IS NULL ORDER BY id",
        installation_id,
    )
    return tuple(Repository(id=row["id"], full_name=row["full_name"]) for row in rows)


async def list_longest_unpolled(installation_id: InstallationId, most: int) -> tuple[RepositoryId, ...]:
    """The repositories whose turn it is, at most `most`."""
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
    """Records that a repository was polled at `at`. `polled_to` never moves back."""
    await current_database().execute(
        "UPDATE repository SET polled_at = $3, polled_to = greatest(polled_to, $2) WHERE id = $1",
        repository_id,
        polled_to,
        at,
    )
