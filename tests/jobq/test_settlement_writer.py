"""What became of jobs is written in batches, also when Postgres is slow to take them."""

from jobq import ClaimedJob, Database, Queue
from jobq.connections import Connection
from jobq.worker import MAX_UNWRITTEN
from tests.jobq.working import POLLING_IS_TOO_SLOW, Log, numbered, working


class Jam:
    """Lets nothing be settled from the first job until `count` have run."""

    def __init__(self, connection: Connection, count: int) -> None:
        self._connection = connection
        self._count = count
        self.note = Log()

    async def __call__(self, job: ClaimedJob) -> None:
        if not self.note.ran:
            await self._connection.execute("BEGIN; LOCK TABLE job IN SHARE MODE")
        await self.note(job)
        if len(self.note.ran) == self._count:
            await self._connection.execute("COMMIT")


async def test_a_worker_that_waited_for_its_results_to_be_written_claims_again_at_once(
    queue: Queue, db: Database
) -> None:
    claimed_at_once = 2 * MAX_UNWRITTEN
    await queue.save_all(numbered(claimed_at_once + 100))
    connection = await db.connect()
    jam = Jam(connection, claimed_at_once)
    options = {"concurrency": 1, "prefetch": claimed_at_once - 1}
    async with working(queue, {"note": jam}, POLLING_IS_TOO_SLOW, **options):
        await jam.note.reached(claimed_at_once + 100)
    await connection.close()
    assert len(set(jam.note.ran)) == len(jam.note.ran)
