"""Settlements are written in batches, even if Postgres takes them slowly."""

from jobq import ClaimedJob, Database, Queue
from jobq.connections import Connection
from jobq.worker import MAX_UNWRITTEN
from tests.jobq.working import NO_SWEEPS, Recorder, connected, numbered, working


class Jam(Recorder):
    """A handler that lets no settlement be written between its first job and its `count`-th."""

    def __init__(self, connection: Connection, count: int) -> None:
        super().__init__()
        self._connection = connection
        self._count = count

    async def __call__(self, job: ClaimedJob) -> None:
        if not self.ran:
            await self._connection.execute("BEGIN; LOCK TABLE job IN SHARE MODE")
        await super().__call__(job)
        if len(self.ran) == self._count:
            await self._connection.execute("COMMIT")


async def test_a_worker_claims_again_as_soon_as_its_settlements_are_written(
    queue: Queue, db: Database
) -> None:
    first_claim = 2 * MAX_UNWRITTEN
    await queue.save_all(numbered(first_claim + 100))
    async with connected(db) as connection:
        jam = Jam(connection, first_claim)
        async with working(queue, {"note": jam}, NO_SWEEPS, concurrency=1, prefetch=first_claim - 1):
            await jam.reached(first_claim + 100)
    assert len(set(jam.ran)) == len(jam.ran)
