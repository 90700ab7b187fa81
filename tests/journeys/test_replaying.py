"""`ripe replay --rejected`: after an upgrade, what an older Ripe did not understand is applied."""

import asyncio

from bot.cli.replay import replay_rejected
from bot.github.deliveries import Delivery, DeliveryOutcome, insert_delivery
from tests.journeys.whole import Whole


async def reject_merge(ripe: Whole, guid: str = "") -> str:
    """An older Ripe could not read that a pull request was merged. Returns the delivery's GUID."""
    pull = await ripe.open_pull_request("billing/tax.py")
    ripe.github.webhooks.hold()
    ripe.github.merge(pull, by="ben")
    guid = guid or ripe.github.webhooks.log[-1].guid
    ripe.github.webhooks.release(order=lambda held: [])
    rejected = Delivery(
        guid=guid, workspace_id=None, event="pull_request", action="", received_at=ripe.clock.now(),
        fact=None, outcome=DeliveryOutcome.REJECTED, note="pull_request: sender",
    )  # fmt: skip
    with ripe.app.database.ambient():
        await insert_delivery(rejected)
    return guid


async def replay(ripe: Whole) -> list[str]:
    """The lines of the command, while a worker runs."""

    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            await ripe.settle()
            await asyncio.sleep(0.05)

    worker = asyncio.create_task(work())
    try:
        return [line async for line in replay_rejected(ripe.app.settings)]
    finally:
        is_over.set()  # a job that runs must end, or nobody could claim it before its lease expires
        await worker


async def test_what_was_rejected_is_delivered_again_and_ends_the_reminders(ripe: Whole) -> None:
    guid = await reject_merge(ripe)
    assert ripe.live("ana") + ripe.live("cho")
    (line,) = await replay(ripe)
    assert line.startswith(f"{guid}: applied")
    await ripe.settle()
    assert ripe.live("ana") + ripe.live("cho") == []
    assert await replay(ripe) == ["No delivery was rejected."]


async def test_it_says_what_github_does_not_list_any_more(ripe: Whole) -> None:
    await reject_merge(ripe, guid="forgotten")
    assert await replay(ripe) == ["forgotten: GitHub does not list it any more, so it cannot be had again"]
