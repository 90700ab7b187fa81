"""Cancels the handlers that take too long, and says where they hung."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import CodeType, FrameType
from typing import Any

from jobq.job import Handler, WithDeadline
from jobq.leases import Run
from jobq.waiting import wait_for_event

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the running handlers."""
END_WITHIN = 1.0
"""Seconds that a cancelled handler gets to end. Then its slot is given to another job all the same."""


class Deadlines:
    """Watches the handlers that `running` lists. `give_up` settles one that does not end when cancelled."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        default: timedelta,
        running: Callable[[], Iterable[Run]],
        give_up: Callable[[Run, TimeoutError], object],
    ) -> None:
        self._handlers = handlers
        self._default = default
        self._running = running
        self._give_up = give_up
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look until `stop`."""
        while not self._stopping.is_set():
            await wait_for_event(self._stopping, LOOK_EVERY)
            now = time.monotonic()
            for run in list(self._running()):
                self._look_at(run, now)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping.set()

    def _look_at(self, run: Run, now: float) -> None:
        limit = self._deadline_of(run.leased[0].job.job_type).total_seconds()
        late = now - run.started_at - limit
        if late < 0 or run.task is None:
            return
        if run.overdue is None:
            stack = describe_stack(run.task)
            place = ", called from ".join(reversed(stack[-3:]))
            run.overdue = TimeoutError(f"cancelled after {limit:g} s; it waited in {place}")
            log.error("cancelled after %g s: %s; it waited in:\n  %s", limit, run, "\n  ".join(stack))
            run.cancel()
        elif late > LOOK_EVERY + END_WITHIN:
            log.error("it goes on although it was cancelled: %s", run)
            self._give_up(run, run.overdue)

    def _deadline_of(self, job_type: str) -> timedelta:
        handler = self._handlers.get(job_type)
        return handler.deadline if isinstance(handler, WithDeadline) else self._default


def describe_stack(task: asyncio.Task[Any]) -> list[str]:
    """Where a task waits: one line for each coroutine that awaits the next one, the innermost last.

    `Task.get_stack` knows only the outermost.
    """
    lines = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame: FrameType | None = _first_of(awaited, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            code: CodeType = frame.f_code
            lines.append(f"{code.co_filename}:{frame.f_lineno} in {code.co_name}")
        awaited = _first_of(awaited, "cr_await", "gi_yieldfrom", "ag_await")
    return lines or ["no coroutine"]


def _first_of(awaited: object, *names: str) -> Any:
    return next((value for name in names if (value := getattr(awaited, name, None)) is not None), None)
