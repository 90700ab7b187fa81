"""The bot's worker of facts, if it could not apply them in batches."""

from bench.subjects.facts import Facts
from bench.subjects.model import Body
from bot.clock import Clock
from bot.jobs.apply_fact import apply_fact
from jobq import ClaimedJob, Discard, Handler, Queue


class FactsAlone(Facts):
    """Each fact in a transaction of its own."""

    name = "facts_alone"

    def handle(self, queue: Queue, body: Body) -> Handler:
        """One by one."""
        clock = Clock()

        async def apply(job: ClaimedJob) -> Discard | None:
            body(job.id)
            return await apply_fact(job, queue=queue, clock=clock)

        return apply


SUBJECT = FactsAlone()
