"""Rules, and the decisions made by them, in Postgres. Uses the ambient database and transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic_core import from_json, to_json

from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Assignment, Decision
from bot.model import AccountId, PullRequestId, Value, WorkspaceId
from bot.reviews.model import PullRequest
from jobq import current_database

MOST_WITHOUT_ANYBODY = 20
"""Decisions about one pull request that asked nobody, such as "it is a draft"."""


class StoredConfig(Value):
    """Rules as they were applied, and the accounts that their logins (keys in lower case) meant then."""

    config: RepositoryConfig
    accounts: dict[str, AccountId]


async def find_config(workspace_id: WorkspaceId, full_name: str) -> StoredConfig | None:
    """The rules of a repository, by its name in any case."""
    row = await current_database().fetchrow(
        "SELECT document, accounts FROM repository_config WHERE workspace_id = $1 AND full_name = $2",
        workspace_id,
        full_name.lower(),
    )
    return None if row is None else _config(row)


async def save_config(
    workspace_id: WorkspaceId,
    full_name: str,
    config: RepositoryConfig,
    at: datetime,
    accounts: Mapping[str, AccountId] = MappingProxyType({}),
) -> None:
    """`accounts` are those behind the logins in the rules, by login in lower case."""
    await current_database().execute(
        """
        INSERT INTO repository_config (workspace_id, full_name, document, accounts, applied_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id, full_name) DO UPDATE SET document = excluded.document,
            accounts = excluded.accounts, applied_at = excluded.applied_at
        """,
        workspace_id,
        full_name.lower(),
        config.model_dump_json(),
        to_json(dict(accounts)).decode(),
        at,
    )


async def move_config(workspace_id: WorkspaceId, old_name: str, new_name: str) -> None:
    """The repository has a new name. If that name has rules already, both names keep theirs."""
    await current_database().execute(
        """
        UPDATE repository_config SET full_name = $3
        WHERE workspace_id = $1 AND full_name = $2 AND NOT EXISTS (
            SELECT FROM repository_config WHERE workspace_id = $1 AND full_name = $3)
        """,
        workspace_id,
        old_name.lower(),
        new_name.lower(),
    )


async def list_configs(workspace_id: WorkspaceId) -> dict[str, StoredConfig]:
    """By the repository's name in lower case."""
    rows = await current_database().fetch(
        """
        SELECT full_name, document, accounts FROM repository_config
        WHERE workspace_id = $1 ORDER BY full_name
        """,
        workspace_id,
    )
    return {row["full_name"]: _config(row) for row in rows}


async def insert_assignment(pull_request: PullRequest, decision: Decision, decided_at: datetime) -> int:
    """Stores a decision; one that asks somebody stays unfinished until `record_asked`. Returns its id.

    The oldest decisions that asked nobody go, as authors can cause any number of them.
    """
    identity: int = await current_database().fetchval(
        """
        WITH surplus AS (
            DELETE FROM assignment WHERE id IN (
                SELECT id FROM assignment
                WHERE pull_request_id = $2 AND asked = '{}' AND refusals = '{}'
                    AND decision->>'reason' IS NOT NULL
                ORDER BY id DESC OFFSET $6)
        )
        INSERT INTO assignment (workspace_id, pull_request_id, decided_at, decision, asked)
        VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        pull_request.workspace_id,
        pull_request.id,
        decided_at,
        decision.model_dump_json(),
        None if decision.chosen else [],
        MOST_WITHOUT_ANYBODY - 1,
    )
    return identity


async def record_asked(assignment_id: int, asked: Iterable[AccountId], refusals: dict[str, str]) -> None:
    """`asked` are the accounts in GitHub's answer; `refusals` has its reasons, by login."""
    await current_database().execute(
        "UPDATE assignment SET asked = $2, refusals = $3 WHERE id = $1",
        assignment_id,
        list(asked),
        to_json(refusals).decode(),
    )


async def list_assignments(pull_request_id: PullRequestId) -> tuple[Assignment, ...]:
    """Every decision about a pull request, oldest first."""
    rows = await current_database().fetch(
        """
        SELECT id, decided_at, decision, asked, refusals FROM assignment
        WHERE pull_request_id = $1 ORDER BY id
        """,
        pull_request_id,
    )
    return tuple(_assignment(row) for row in rows)


async def find_unfinished_assignment(pull_request_id: PullRequestId) -> Assignment | None:
    """The newest decision, if GitHub may not have been asked yet."""
    row = await current_database().fetchrow(
        """
        SELECT id, decided_at, decision, asked, refusals FROM assignment
        WHERE pull_request_id = $1 ORDER BY id DESC LIMIT 1
        """,
        pull_request_id,
    )
    return _assignment(row) if row and row["asked"] is None else None


def _config(row: Any) -> StoredConfig:
    # A newer release may have stored settings that this one does not know.
    config = RepositoryConfig.model_validate_json(row["document"], extra="ignore")
    return StoredConfig(config=config, accounts=from_json(row["accounts"]))


def _assignment(row: Any) -> Assignment:
    fields = dict(row)
    return Assignment(
        decision=Decision.model_validate_json(fields.pop("decision"), extra="ignore"),
        refusals=from_json(fields.pop("refusals")),
        **fields,
    )
