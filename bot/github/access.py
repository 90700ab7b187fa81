"""Which GitHub accounts a workspace works for, in Postgres. Uses the ambient transaction.

An account is known by its id. Its login is a label, which may change and be taken by somebody else.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from bot.github.model import Account
from bot.model import AccountId, InstallationId, Value, WorkspaceId
from jobq import current_database

_LOCK = 7_310_524_119
"""An advisory lock. Decisions about an account concern all workspaces, so they are made one at a time."""


class AccessState(StrEnum):
    """WAITING: no admin has answered yet. Until one allows the account, nothing of it is stored or sent."""

    ALLOWED = "allowed"
    WAITING = "waiting"
    REFUSED = "refused"


class AccountAccess(Value):
    """An account on which the App is or was installed, and the answer of a workspace's admins to it.

    `since` is when its state began. `installation_id` is its newest installation that waited, `installed_by`
    the GitHub account of the person who installed it, if GitHub said so. `decided_by` is an admin's name.
    """

    workspace_id: WorkspaceId
    account_id: AccountId
    login: str
    state: AccessState
    since: datetime
    installation_id: InstallationId | None = None
    installed_by: AccountId | None = None
    decided_by: str | None = None


_ACCESS = """
    SELECT workspace_id, account_id, login, state, since, installation_id, installed_by, decided_by
    FROM account_access"""


async def list_access(workspace_id: WorkspaceId) -> tuple[AccountAccess, ...]:
    """Every account that a workspace knows: those that wait first, then by login."""
    rows = await current_database().fetch(
        f"{_ACCESS} WHERE workspace_id = $1 ORDER BY state = 'waiting' DESC, lower(login), account_id",
        workspace_id,
    )
    return tuple(AccountAccess.model_validate(dict(row)) for row in rows)


async def list_unreported_access(workspace_id: WorkspaceId) -> tuple[AccountAccess, ...]:
    """The accounts that wait and of which no admin has heard, oldest first."""
    rows = await current_database().fetch(
        f"{_ACCESS} WHERE workspace_id = $1 AND state = 'waiting' AND told_at IS NULL"
        " ORDER BY since, account_id",
        workspace_id,
    )
    return tuple(AccountAccess.model_validate(dict(row)) for row in rows)


async def lock_decisions() -> None:
    """Nobody else decides about an account until the transaction ends. Take this lock before any other."""
    await current_database().execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def is_first_account() -> bool:
    """Whether the App was never installed anywhere, as far as we know."""
    is_first: bool = await current_database().fetchval(
        "SELECT NOT EXISTS (SELECT FROM installation) AND NOT EXISTS (SELECT FROM account_access)"
    )
    return is_first


async def allow_account(
    workspace_id: WorkspaceId, account: Account, now: datetime, by: str | None = None
) -> None:
    """The workspace works for this account from now on, and no other workspace does. `by` is an admin.

    An account that is allowed already keeps since when and by whom.
    """
    database = current_database()
    await database.execute(
        "DELETE FROM account_access WHERE account_id = $2 AND workspace_id <> $1 AND state <> 'refused'",
        workspace_id,
        account.id,
    )
    await database.execute(
        """
        INSERT INTO account_access (workspace_id, account_id, login, state, since, decided_by)
        VALUES ($1, $2, $3, 'allowed', $4, $5)
        ON CONFLICT (workspace_id, account_id) DO UPDATE SET
            login = excluded.login,
            since = CASE WHEN account_access.state = 'allowed' THEN account_access.since
                ELSE excluded.since END,
            decided_by = CASE WHEN account_access.state = 'allowed' THEN account_access.decided_by
                ELSE excluded.decided_by END,
            state = 'allowed'
        """,
        workspace_id,
        account.id,
        account.login,
        now,
        by,
    )


async def remember_account(workspace_id: WorkspaceId, account: Account, now: datetime) -> None:
    """The workspace has an installation on this account. So it works for it, unless an admin refused it."""
    database = current_database()
    await database.execute(
        "DELETE FROM account_access WHERE account_id = $2 AND workspace_id <> $1 AND state <> 'refused'",
        workspace_id,
        account.id,
    )
    await database.execute(
        """
        INSERT INTO account_access AS known (workspace_id, account_id, login, state, since)
        VALUES ($1, $2, $3, 'allowed', $4)
        ON CONFLICT (workspace_id, account_id) DO UPDATE SET
            login = excluded.login,
            state = CASE WHEN known.state = 'refused' THEN known.state ELSE 'allowed' END
        """,
        workspace_id,
        account.id,
        account.login,
        now,
    )


async def refuse_account(workspace_id: WorkspaceId, account_id: AccountId, now: datetime, by: str) -> None:
    """The workspace does not work for this account. `by` is an admin."""
    await current_database().execute(
        """
        UPDATE account_access SET state = 'refused', since = $3, decided_by = $4
        WHERE workspace_id = $1 AND account_id = $2
        """,
        workspace_id,
        account_id,
        now,
        by,
    )


async def note_waiting(
    workspace_ids: Iterable[WorkspaceId],
    account: Account,
    installation_id: InstallationId,
    now: datetime,
    installed_by: AccountId | None = None,
) -> tuple[WorkspaceId, ...]:
    """The account waits for the admins of these workspaces. Returns those whose admins do not know it yet.

    A workspace that has refused it keeps its answer.
    """
    rows = await current_database().fetch(
        """
        INSERT INTO account_access AS known
            (workspace_id, account_id, login, state, installation_id, installed_by, since)
        SELECT workspace_id, $2, $3, 'waiting', $4, $5, $6 FROM unnest($1::bigint[]) AS workspace_id
        ORDER BY workspace_id
        ON CONFLICT (workspace_id, account_id) DO UPDATE SET
            login = excluded.login,
            installation_id = excluded.installation_id,
            installed_by = coalesce(excluded.installed_by, known.installed_by)
        WHERE (known.login, known.installation_id)
                IS DISTINCT FROM (excluded.login, excluded.installation_id)
            OR known.installed_by IS DISTINCT FROM coalesce(excluded.installed_by, known.installed_by)
        RETURNING workspace_id, state = 'waiting' AND told_at IS NULL AS is_news
        """,
        list(workspace_ids),
        account.id,
        account.login,
        installation_id,
        installed_by,
        now,
    )
    return tuple(WorkspaceId(row["workspace_id"]) for row in rows if row["is_news"])


async def list_asked_workspaces(account_id: AccountId) -> tuple[WorkspaceId, ...]:
    """The workspaces whose admins an account waits for."""
    rows = await current_database().fetch(
        "SELECT workspace_id FROM account_access WHERE account_id = $1 AND state = 'waiting'"
        " ORDER BY workspace_id",
        account_id,
    )
    return tuple(WorkspaceId(row["workspace_id"]) for row in rows)


async def list_unallowed_accounts() -> frozenset[AccountId]:
    """The accounts that wait or were refused, and for which no workspace works."""
    rows = await current_database().fetch(
        "SELECT account_id FROM account_access GROUP BY account_id HAVING bool_and(state <> 'allowed')"
    )
    return frozenset(AccountId(row["account_id"]) for row in rows)


async def list_unaware_workspaces() -> tuple[WorkspaceId, ...]:
    """The workspaces in which an account waits and no admin has heard of it."""
    rows = await current_database().fetch(
        "SELECT DISTINCT workspace_id FROM account_access WHERE state = 'waiting' AND told_at IS NULL"
        " ORDER BY workspace_id"
    )
    return tuple(WorkspaceId(row["workspace_id"]) for row in rows)


async def keep_installation(
    workspace_id: WorkspaceId, account_id: AccountId, installation_id: InstallationId
) -> None:
    """The installation that comes back if the account is allowed again."""
    await current_database().execute(
        "UPDATE account_access SET installation_id = $3 WHERE workspace_id = $1 AND account_id = $2",
        workspace_id,
        account_id,
        installation_id,
    )


async def forget_waiting(account_id: AccountId, except_in: Iterable[WorkspaceId] = ()) -> None:
    """The account does not wait any more, or only in some workspaces."""
    await current_database().execute(
        """
        DELETE FROM account_access
        WHERE account_id = $1 AND state = 'waiting' AND workspace_id <> ALL ($2::bigint[])
        """,
        account_id,
        list(except_in),
    )


async def mark_access_reported(
    workspace_id: WorkspaceId, account_ids: Iterable[AccountId], now: datetime
) -> None:
    """An admin has heard that these wait."""
    await current_database().execute(
        "UPDATE account_access SET told_at = $3 WHERE workspace_id = $1 AND account_id = ANY($2::bigint[])",
        workspace_id,
        list(account_ids),
        now,
    )
