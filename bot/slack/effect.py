"""One effect for each request of Slack, and an honest answer in time.

Slack shows a person an error after 3 s, and sends an event again if its answer was late.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from bot.clock import Clock
from bot.model import UserError, WorkspaceId
from bot.slack.store import record_slack_delivery
from bot.slack.tasks import BackgroundTasks
from jobq import current_database, is_transient

T = TypeVar("T")

log = structlog.get_logger()

DATABASE_WITHIN = 1.5
"""Seconds that the database has for one request."""

NOT_SAVED = "Ripe could not reach its database: nothing was saved and nothing changed. Please try again."
MAYBE_SAVED = (
    "Ripe's database did not answer in time, so Ripe cannot tell whether this was saved."
    " `/reviews` shows how things stand."
)


@dataclass
class _CommitGate:
    """Stands before the commit, and is closed once nobody waits for the outcome any more."""

    is_closed: bool = False
    is_passed: bool = False


class OncePerRequest:
    """Runs the work of each request in one transaction, and only once. `within` is in seconds."""

    def __init__(self, clock: Clock, within: float = DATABASE_WITHIN) -> None:
        self._clock = clock
        self._within = within
        self._tasks = BackgroundTasks()

    async def run(self, workspace_id: WorkspaceId, key: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """The outcome of `work`, or None if a request with this key was served before.

        Raises UserError if the database does not answer in time, and everything that `work` raises: then
        it was rolled back.
        """
        gate = _CommitGate()
        task = await self._tasks.run(self._serve(workspace_id, key, work, gate), self._within)
        if not task.done():
            gate.is_closed = True
            raise _no_answer(key, gate)
        try:
            return task.result()
        except Exception as error:
            if not is_transient(error):
                raise
            raise _no_answer(key, gate) from error

    async def finish(self) -> None:
        """Waits for transactions that were too late for their requests."""
        await self._tasks.finish()

    async def _serve(
        self, workspace_id: WorkspaceId, key: str, work: Callable[[], Awaitable[T]], gate: _CommitGate
    ) -> T | None:
        async with current_database().transaction():
            if not await record_slack_delivery(workspace_id, key, self._clock.now()):
                return None
            outcome = await work()
            if gate.is_closed:
                raise UserError(NOT_SAVED)
            gate.is_passed = True
            return outcome


def _no_answer(key: str, gate: _CommitGate) -> UserError:
    log.warning("the database did not answer in time", key=key, is_maybe_saved=gate.is_passed)
    return UserError(MAYBE_SAVED if gate.is_passed else NOT_SAVED)
