"""The nightly repair queues the lost job of a review request again, and disturbs nothing else."""

from bot.flows.catalog import REPAIR, Lane, remind_reviewer_job
from bot.jobs.repair import repair
from bot.reviews.store import list_open_request_ids
from jobq import ClaimedJob
from tests.journeys.whole import MONDAY_MORNING, Whole

TONIGHT = ClaimedJob(1, REPAIR, "{}", MONDAY_MORNING, MONDAY_MORNING, Lane.FACTS, 1, 1, 13, 5, None)


async def test_a_request_whose_job_was_lost_is_reminded_of_again_from_the_next_night_on(ripe: Whole) -> None:
    await ripe.open_pull_request("docs/intro.md")
    (lost,) = await list_open_request_ids(after=None, limit=10)
    assert await ripe.app.queue.cancel(remind_reviewer_job(lost))
    await ripe.pass_time(hours=5)
    assert ripe.reminders("cho") == 1

    await repair(TONIGHT, queue=ripe.app.queue, page=1)
    await ripe.settle()
    assert ripe.reminders("cho") == 2


async def test_a_repair_that_finds_nothing_amiss_sends_nothing(ripe: Whole) -> None:
    for _ in range(3):
        await ripe.open_pull_request("docs/intro.md")
    before = ripe.dms("cho")
    await repair(TONIGHT, queue=ripe.app.queue, page=2)
    await ripe.settle()
    assert ripe.dms("cho") == before
