"""Batch handlers for tests, which record what they got."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from jobq import (
    BatchResult,
    ClaimedJob,
    Outcome,
    Queue,
    Settlement,
)
from tests.jobq.working import (
    until,
)

Decide = Callable[[Sequence[ClaimedJob]], Awaitable[Sequence[BatchResult]]]


async def all_done(jobs: Sequence[ClaimedJob]) -> list[BatchResult]:
    return [None for _ in jobs]


class Batches:
    """A batch handler that records the numbers of each batch and ends as `decide` says."""

    def __init__(self, decide: Decide = all_done) -> None:
        self.ran: list[list[Any]] = []
        self.count = 0
        self._decide = decide

    async def __call__(self, jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        self.ran.append([job.arguments["n"] for job in jobs])
        try:
            return await self._decide(jobs)
        finally:
            self.count += len(jobs)

    async def reached(self, count: int) -> list[list[Any]]:
        async def is_reached() -> bool:
            return self.count >= count

        await until(is_reached)
        return self.ran


class Outcomes:
    """How the jobs ended, by their number."""

    def __init__(self) -> None:
        self.by_number: dict[int, Outcome] = {}

    def __call__(self, settlement: Settlement, late: timedelta, ran: timedelta) -> None:
        self.by_number[settlement.job.arguments["n"]] = settlement.outcome

    async def reached(self, count: int) -> dict[int, Outcome]:
        async def is_reached() -> bool:
            return len(self.by_number) >= count

        await until(is_reached)
        return self.by_number


def finishing(queue: Queue, work: Decide = all_done) -> Decide:
    """Does its work and finishes its jobs in one transaction."""

    async def finish(jobs: Sequence[ClaimedJob]) -> Sequence[BatchResult]:
        async with queue.database.transaction():
            results = await work(jobs)
            await queue.finish(jobs)
        return results

    return finish
