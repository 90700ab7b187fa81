"""The claimed jobs that wait for their turn, single ones and those that gather in batches."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jobq.job import ClaimedJob, Handler, InBatches, find_batches
from jobq.leases import LeasedJob


@dataclass(eq=False, slots=True)
class Batch:
    """Jobs of one type that gather for one call of their handler."""

    handler: InBatches
    leased: list[LeasedJob] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    """Puts it in line when it has lingered."""
    is_in_line: bool = False


class Line:
    """Single jobs and batches, in the order in which they may start.

    A batch takes its place when it is full, or when it has lingered; until it starts, it goes on gathering.
    `on_ready` is called when a batch has lingered.
    """

    def __init__(self, handlers: Mapping[str, Handler], on_ready: Callable[[], object]) -> None:
        self._batch_handlers = {
            job_type: batches
            for job_type, handler in handlers.items()
            if (batches := find_batches(handler)) is not None
        }
        self._on_ready = on_ready
        self._line: deque[LeasedJob | Batch] = deque()
        self._gathering: dict[str, Batch] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many jobs wait."""
        return self._count

    def add(self, leased: LeasedJob) -> None:
        """Let it wait behind the others, or in its batch."""
        self._count += 1
        handler = self._batch_handlers.get(leased.job.job_type)
        if handler is None or not may_share(leased.job):
            self._line.append(leased)
        else:
            self._gather(leased, handler)

    def add_first(self, leased: LeasedJob) -> None:
        """Let it run next, alone."""
        self._count += 1
        self._line.appendleft(leased)

    def take(self, may_start: Callable[[InBatches], bool] = lambda _: True) -> LeasedJob | Batch | None:
        """The next that may start, without the jobs whose leases were lost. None if nothing may."""
        while (first := self._take_first(may_start)) is not None:
            if isinstance(first, LeasedJob):
                self._count -= 1
                if not first.is_over:
                    return first
                continue
            self._close(first)
            self._count -= len(first.leased)
            first.leased = [leased for leased in first.leased if not leased.is_over]
            if first.leased:
                return first
        return None

    def _take_first(self, may_start: Callable[[InBatches], bool]) -> LeasedJob | Batch | None:
        for place, first in enumerate(self._line):
            if isinstance(first, LeasedJob) or may_start(first.handler):
                del self._line[place]
                return first
        return None

    def take_all(self) -> list[LeasedJob]:
        """Remove and return all jobs that wait or linger."""
        batches = list(self._gathering.values())
        waiting: list[LeasedJob] = []
        for batch in batches:
            if batch.is_in_line:
                continue
            self._close(batch)
            self._line.append(batch)
        while (taken := self.take()) is not None:
            waiting += taken.leased if isinstance(taken, Batch) else [taken]
        return waiting

    def _gather(self, leased: LeasedJob, handler: InBatches) -> None:
        job_type = leased.job.job_type
        batch = self._gathering.get(job_type)
        if batch is None:
            batch = self._gathering[job_type] = Batch(handler)
            self._open(batch)
        batch.leased.append(leased)
        if len(batch.leased) == handler.size:
            self._close(batch)
            self._put_in_line(batch)

    def _open(self, batch: Batch) -> None:
        linger = batch.handler.linger.total_seconds()
        if linger > 0:
            batch.timer = asyncio.get_running_loop().call_later(linger, self._end_lingering, batch)
        else:
            self._put_in_line(batch)

    def _end_lingering(self, batch: Batch) -> None:
        self._put_in_line(batch)
        self._on_ready()

    def _put_in_line(self, batch: Batch) -> None:
        if not batch.is_in_line:
            batch.is_in_line = True
            self._line.append(batch)

    def _close(self, batch: Batch) -> None:
        """Let it gather no more."""
        if batch.timer is not None:
            batch.timer.cancel()
            batch.timer = None
        job_type = batch.leased[0].job.job_type
        if self._gathering.get(job_type) is batch:
            del self._gathering[job_type]


def may_share(job: ClaimedJob) -> bool:
    """Whether it may run in a batch: a job that ended badly before could spoil it for the others."""
    return job.tries == 1 and job.give_backs == 0
