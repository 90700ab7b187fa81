"""Slack's rate limits. A process that meets one stores it in Postgres, and all processes obey it.

Slack counts calls by workspace and method: https://docs.slack.dev/apis/web-api/rate-limits
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.model import WorkspaceId
from jobq import Postpone, current_database

SLOT = timedelta(milliseconds=200)
"""Between two calls that had to wait. Slack takes several hundred messages a minute from one workspace."""
CANNOT_WAIT = frozenset({"views.open", "views.update"})
"""A person waits for these, and their trigger expires after three seconds: they never ask Postgres."""


class SlackLimits:
    """The limits of one workspace. `now` is the application's clock."""

    def __init__(self, workspace_id: WorkspaceId, now: Callable[[], datetime]) -> None:
        self._workspace_id = workspace_id
        self._now = now

    async def check(self, method: str) -> None:
        """Raises Postpone while Slack wants no more of these calls. Each caller gets a later slot."""
        if method in CANNOT_WAIT:
            return
        slot = await take_slot(self._workspace_id, method, self._now())
        if slot is not None:
            raise Postpone(slot, f"Slack wants no more {method} now")

    async def close(self, method: str, wait: timedelta) -> Postpone:
        """Stops all calls of this method until `wait` is over. Returns when to try again."""
        until = await close_method(self._workspace_id, method, self._now() + wait)
        return Postpone(until, f"Slack limits {method}")


async def take_slot(workspace_id: WorkspaceId, method: str, now: datetime) -> datetime | None:
    """Reserves the time at which this call may be made. None means now."""
    slot: datetime | None = await current_database().fetchval(
        """
        UPDATE slack_limit SET next_slot = next_slot + $4::interval
        WHERE workspace_id = $1 AND method = $2 AND not_before > $3 RETURNING next_slot - $4::interval
        """,
        workspace_id,
        method,
        now,
        SLOT,
    )
    return slot


async def close_method(workspace_id: WorkspaceId, method: str, until: datetime) -> datetime:
    """Stops all calls of this method until then. Returns the slot of the call that was refused."""
    slot: datetime = await current_database().fetchval(
        """
        INSERT INTO slack_limit (workspace_id, method, not_before, next_slot)
        VALUES ($1, $2, $3, $3::timestamptz + $4::interval)
        ON CONFLICT (workspace_id, method) DO UPDATE SET
            not_before = greatest(slack_limit.not_before, excluded.not_before),
            next_slot = greatest(slack_limit.next_slot, excluded.not_before) + $4::interval
        RETURNING next_slot - $4::interval
        """,
        workspace_id,
        method,
        until,
        SLOT,
    )
    return slot
