"""Stores a delivery with the job that applies its fact."""

from bot.flows.account_access import admit
from bot.flows.catalog import apply_fact_job
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.deliveries import Delivery, DeliveryOutcome, insert_delivery
from bot.github.model import owner_of
from jobq import Queue, write_transaction

NO_WORKSPACE = "joins no workspace yet"
"""The note of a delivery whose installation belongs to no workspace."""


@write_transaction
async def take_delivery(delivery: Delivery, queue: Queue) -> DeliveryOutcome | None:
    """Stores the delivery and its job, or neither. Returns its outcome so far; None if its GUID is stored."""
    delivery = await _for_its_workspace(delivery, queue)
    if not await insert_delivery(delivery):
        return None
    if delivery.outcome is DeliveryOutcome.QUEUED:
        await queue.save(apply_fact_job(delivery.guid))
    return delivery.outcome


async def _for_its_workspace(delivery: Delivery, queue: Queue) -> Delivery:
    """With its workspace. A fact about an installation that belongs to none is not kept."""
    fact = delivery.fact
    account = owner_of(fact) if fact else None
    workspace_id = await find_workspace_of_installation(
        getattr(fact, "installation_id", None), account.id if account else None
    )
    if workspace_id is None and fact is not None:
        workspace_id = await admit(fact, queue, delivery.received_at)
    if workspace_id is None and delivery.outcome is DeliveryOutcome.QUEUED:
        dropped = {"outcome": DeliveryOutcome.IGNORED, "fact": None, "note": NO_WORKSPACE}
        return delivery.model_copy(update=dropped)
    return delivery.model_copy(update={"workspace_id": workspace_id})
