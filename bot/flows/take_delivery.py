"""Stores a delivery with the job that applies its fact."""

from bot.flows.catalog import apply_fact_job
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.deliveries import Delivery, DeliveryOutcome, insert_delivery
from jobq import Queue, write_transaction

NO_WORKSPACE = "joins no workspace yet"
"""The note of a delivery whose installation belongs to no workspace."""


@write_transaction
async def take_delivery(delivery: Delivery, queue: Queue) -> DeliveryOutcome | None:
    """Stores the delivery and its job, or neither. Returns its outcome so far; None if its GUID is stored."""
    delivery = await _for_its_workspace(delivery)
    if not await insert_delivery(delivery):
        return None
    if delivery.outcome is DeliveryOutcome.QUEUED:
        await queue.save(apply_fact_job(delivery.guid))
    return delivery.outcome


async def _for_its_workspace(delivery: Delivery) -> Delivery:
    """With its workspace. A fact about an installation that belongs to none is not kept."""
    installation_id = getattr(delivery.fact, "installation_id", None)
    workspace_id = await find_workspace_of_installation(installation_id)
    if workspace_id is None and delivery.outcome is DeliveryOutcome.QUEUED:
        dropped = {"outcome": DeliveryOutcome.IGNORED, "fact": None, "note": NO_WORKSPACE}
        return delivery.model_copy(update=dropped)
    return delivery.model_copy(update={"workspace_id": workspace_id})
