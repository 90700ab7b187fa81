"""Stores deliveries in batches: those that arrive during a commit go with the next one."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import structlog

from bot.flows.take_delivery import take_deliveries, take_delivery
from bot.github.deliveries import Delivery, DeliveryOutcome, list_known_guids
from jobq import DatabaseUnavailableError, Queue, is_lost_connection, is_transient

log = structlog.get_logger()

T = TypeVar("T")

LARGEST_BATCH = 100
SLOW = 0.25
"""Seconds after which a batch is no longer waited for: it may wait for a lock that the next does not need."""
LOOK_EVERY = 0.2
"""Seconds between two looks for deliveries that have waited too long."""
MOST_BATCHES = 4
"""Batches at once, of which all but the newest are slow. The other connections are for other routes."""
MOST_ALONE = 2
"""Deliveries at once that are not stored in a batch, for example because their account waits for an admin."""

DUPLICATE = "duplicate"
"""How the log and the answer call a delivery that was stored before."""


@dataclass(eq=False, slots=True)
class _Waiting:
    delivery: Delivery
    ends_at: float
    stored: asyncio.Future[DeliveryOutcome | None]


class _Batch(NamedTuple):
    taken: dict[str, DeliveryOutcome]
    stored_before: set[str]


class DeliveryWriter:
    """Writes the deliveries of one process with few commits. An idle writer writes at once."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waiting: list[_Waiting] = []
        self._unanswered: set[_Waiting] = set()
        self._look: asyncio.TimerHandle | None = None
        self._batches: set[asyncio.Task[None]] = set()
        self._newest: asyncio.Task[None] | None = None
        self._alone: deque[_Waiting] = deque()
        self._writing_alone: set[asyncio.Task[None]] = set()

    async def store(self, delivery: Delivery, within: float) -> DeliveryOutcome | None:
        """Returns after the commit, as `take_delivery` would. None if its GUID is stored already.

        Raises DatabaseUnavailableError if it takes longer than `within` seconds, or the error of Postgres
        about this delivery. The others of its batch are stored.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(delivery, loop.time() + within, loop.create_future())
        self._waiting.append(waiting)
        self._unanswered.add(waiting)
        self._write_more()
        self._look = self._look or loop.call_later(LOOK_EVERY, self._fail_late)
        try:
            return await waiting.stored
        finally:
            self._unanswered.discard(waiting)

    def _fail_late(self) -> None:
        """One timer for all: one for each delivery would cost as much as its part of the statement."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = [waiting for waiting in self._unanswered if waiting.ends_at <= now]
        _fail(late, DatabaseUnavailableError("no answer in time"))
        self._look = loop.call_later(LOOK_EVERY, self._fail_late) if self._unanswered else None

    def _write_more(self) -> None:
        if self._waiting and self._newest is None and len(self._batches) < MOST_BATCHES:
            loop = asyncio.get_running_loop()
            task = self._newest = loop.create_task(self._write())
            self._batches.add(task)
            slow = loop.call_later(SLOW, self._leave, task)
            task.add_done_callback(self._batches.discard)
            task.add_done_callback(self._leave)
            task.add_done_callback(lambda _: slow.cancel())

    def _leave(self, task: asyncio.Task[None]) -> None:
        if self._newest is task:
            self._newest = None
        self._write_more()

    async def _write(self) -> None:
        batch = self._next_batch()
        if not batch:
            return
        try:
            taken, stored_before = await self._within(batch, self._take_all)
        except Exception as error:
            if len(batch) == 1 or is_lost_connection(error):
                _fail(batch, error)
            else:
                # One of them is refused, or waits for a lock. The others shall not suffer for it.
                self._write_alone(batch)
        else:
            done = taken.keys() | stored_before
            _answer([waiting for waiting in batch if waiting.delivery.guid in done], taken)
            self._write_alone([waiting for waiting in batch if waiting.delivery.guid not in done])

    def _write_alone(self, batch: Sequence[_Waiting]) -> None:
        """Beside the next batches, which must not wait for it: strangers may send many of these."""
        self._alone += batch
        for _ in range(min(len(batch), MOST_ALONE - len(self._writing_alone))):
            task = asyncio.get_running_loop().create_task(self._write_each_alone())
            self._writing_alone.add(task)
            task.add_done_callback(self._writing_alone.discard)

    async def _write_each_alone(self) -> None:
        while self._alone:
            waiting = self._alone.popleft()
            if waiting.stored.done():
                continue
            try:
                outcome = await self._within([waiting], self._take_alone)
            except Exception as error:
                _fail([waiting], error)
            else:
                _answer([waiting], {waiting.delivery.guid: outcome} if outcome else {})

    def _next_batch(self) -> list[_Waiting]:
        """The longest waiting, each GUID once: one statement cannot write a row twice."""
        batch: dict[str, _Waiting] = {}
        later = []
        for waiting in self._waiting:
            if waiting.stored.done():
                continue  # its request was answered
            if len(batch) < LARGEST_BATCH and waiting.delivery.guid not in batch:
                batch[waiting.delivery.guid] = waiting
            else:
                later.append(waiting)
        self._waiting = later
        return list(batch.values())

    async def _take_all(self, deliveries: Sequence[Delivery]) -> _Batch:
        """The GUIDs that were stored now, and those of the others that had been stored before."""
        taken = await take_deliveries(deliveries, self._queue)
        others = [delivery.guid for delivery in deliveries if delivery.guid not in taken]
        with self._queue.database.ambient():
            return _Batch(taken, await list_known_guids(others) if others else set())

    async def _take_alone(self, deliveries: Sequence[Delivery]) -> DeliveryOutcome | None:
        (delivery,) = deliveries
        with self._queue.database.ambient():
            return await take_delivery(delivery, self._queue)

    async def _within(
        self, batch: Sequence[_Waiting], take: Callable[[Sequence[Delivery]], Coroutine[Any, Any, T]]
    ) -> T:
        """Twice if the database fails for a moment: GitHub never delivers again by itself."""
        deliveries = [waiting.delivery for waiting in batch]
        loop, database = asyncio.get_running_loop(), self._queue.database
        ends_at = max(waiting.ends_at for waiting in batch)
        try:
            return await database.run_within(take(deliveries), ends_at - loop.time())
        except Exception as error:
            if not is_transient(error) or loop.time() >= ends_at:
                raise
            guids = [delivery.guid for delivery in deliveries]
            log.warning("deliveries are stored at the second try", guids=guids, error=type(error).__name__)
        return await database.run_within(take(deliveries), ends_at - loop.time())


def _answer(batch: Sequence[_Waiting], taken: Mapping[str, DeliveryOutcome]) -> None:
    _log_accepted([waiting.delivery for waiting in batch], taken)
    for waiting in batch:
        if not waiting.stored.done():
            waiting.stored.set_result(taken.get(waiting.delivery.guid))


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            waiting.stored.set_exception(error)


def _log_accepted(batch: Sequence[Delivery], taken: Mapping[str, DeliveryOutcome]) -> None:
    """A line for a delivery, or for a batch: under load, a line for each would take as long as storing it."""
    rejected = [delivery for delivery in batch if delivery.outcome is DeliveryOutcome.REJECTED]
    usual = [delivery for delivery in batch if delivery.outcome is not DeliveryOutcome.REJECTED]
    for delivery in rejected if len(usual) > 1 else batch:
        write = log.warning if delivery.outcome is DeliveryOutcome.REJECTED else log.info
        outcome = taken.get(delivery.guid, DUPLICATE)
        write(
            "delivery accepted",
            guid=delivery.guid,
            event_type=delivery.event,
            outcome=outcome,
            note=delivery.note,
        )
    if len(usual) > 1:
        named = (f"{each.guid} {each.event} {taken.get(each.guid, DUPLICATE)}" for each in usual)
        log.info("deliveries accepted", count=len(usual), deliveries="; ".join(named))
