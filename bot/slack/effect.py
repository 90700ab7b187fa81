"""One effect for each request of Slack, and an honest answer in time.

Slack shows a person an error after 3 s, and posts events again that were answered late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from bot.clock import Clock
from bot.model import WorkspaceId
from bot.slack.store import record_slack_delivery
from jobq import DatabaseUnavailableError, current_database, is_transient, wait_without_cancelling

T = TypeVar("T")

log = structlog.get_logger()

DATABASE_WITHIN = 1.5
"""Seconds."""


class NotSaved(Exception):
    """The database could not be reached in time. Nothing was saved and nothing will be."""


class PerhapsSaved(Exception):
    """The database was told to save and did not answer in time."""


class _Gate:
    """Between the last statement and the commit: closed once nobody waits for the outcome any more."""

    def __init__(self) -> None:
        self.is_closed = False
        self.is_passed = False

    def pass_through(self) -> None:
        if self.is_closed:
            raise NotSaved
        self.is_passed = True


class Effects:
    """Runs what Slack asks for, once per key, in one transaction each."""

    def __init__(self, workspace_id: WorkspaceId, clock: Clock, within: float = DATABASE_WITHIN) -> None:
        self._workspace_id = workspace_id
        self._clock = clock
        self._within = within
        self._running: set[asyncio.Task[object]] = set()

    async def once(self, key: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """The outcome of `work`; None when a request with this key was served before.

        Raises NotSaved, PerhapsSaved, and what `work` raises; then it was rolled back.
        """
        gate = _Gate()
        task = asyncio.ensure_future(self._serve(key, work, gate))
        self._running.add(task)
        task.add_done_callback(self._forget)
        if await wait_without_cancelling(task, self._within):
            return _outcome(task, gate)
        gate.is_closed = True
        raise PerhapsSaved if gate.is_passed else NotSaved

    async def finish(self) -> None:
        """Waits until nothing is under way, also of what nobody waits for any more."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _serve(self, key: str, work: Callable[[], Awaitable[T]], gate: _Gate) -> T | None:
        async with current_database().transaction():
            if not await record_slack_delivery(self._workspace_id, key, self._clock.now()):
                return None
            outcome = await work()
            gate.pass_through()
            return outcome

    def _forget(self, task: "asyncio.Task[object]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("a request of Slack was rolled back", error=type(error).__name__)


def _outcome(task: "asyncio.Task[T | None]", gate: _Gate) -> T | None:
    try:
        return task.result()
    except Exception as error:
        if isinstance(error, DatabaseUnavailableError) or is_transient(error):
            raise (PerhapsSaved if gate.is_passed else NotSaved) from error
        raise
