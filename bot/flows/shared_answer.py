"""One answer for everybody who asks at the same time or soon after."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")

KEPT_FOR = 5.0
"""Seconds for which an answer is good: however many ask, Postgres is asked no more often."""


class SharedAnswer(Generic[Answer]):
    """Asks `question` at most once in `kept_for` seconds, and not again while there is no answer yet."""

    def __init__(
        self, question: Callable[[], Coroutine[Any, Any, Answer]], kept_for: float = KEPT_FOR
    ) -> None:
        self._question = question
        self._kept_for = kept_for
        self._task: asyncio.Task[Answer] | None = None
        self._asked_at = -math.inf

    def ask(self) -> asyncio.Task[Answer]:
        """The task that gives the answer. Others may wait for it as well, so a caller must not cancel it."""
        is_old = time.monotonic() - self._asked_at >= self._kept_for
        if self._task is None or (is_old and self._task.done()):
            self._asked_at = time.monotonic()
            self._task = asyncio.create_task(self._question())
        return self._task
