"""Work that may outlive the request that began it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


class BackgroundTasks:
    """Starts work, keeps it from being garbage collected, and waits for it before the process ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T], within: float) -> asyncio.Task[T]:
        """Starts `work` and waits for it at most `within` seconds. It goes on after that.

        The caller looks at the returned task: it is done, or it is late.
        """
        task = asyncio.create_task(work)
        self._running.add(task)
        try:
            # Not wait_for: it cancels, and a cancelled statement waits for the server, which may be stuck.
            await asyncio.wait([task], timeout=within)
        finally:
            if task.done():
                self._running.discard(task)
            else:
                task.add_done_callback(self._end)
        return task

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts `work`, for which nobody waits."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._end)

    async def finish(self) -> None:
        """Waits until nothing is running."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("work for Slack failed after its answer was sent", error=type(error).__name__)
