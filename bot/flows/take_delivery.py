"""Takes in one delivery, posted by GitHub or made of what was seen by asking."""

from bot.flows.catalog import apply_fact_job
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.deliveries import Delivery, DeliveryOutcome, insert_delivery
from jobq import Queue, write_transaction

NOBODYS = "joins no workspace yet"


@write_transaction
async def take_delivery(delivery: Delivery, queue: Queue) -> DeliveryOutcome | None:
    """The delivery and its job, or neither. None where the GUID is not new."""
    delivery = await _for_its_workspace(delivery)
    if not await insert_delivery(delivery):
        return None
    if delivery.outcome is DeliveryOutcome.QUEUED:
        await queue.save(apply_fact_job(delivery.guid))
    return delivery.outcome


async def _for_its_workspace(delivery: Delivery) -> Delivery:
    """What it tells of an installation that joined no workspace is nobody's business, and is not kept."""
    installation_id = getattr(delivery.fact, "installation_id", None)
    workspace_id = await find_workspace_of_installation(installation_id)
    if workspace_id is None and delivery.outcome is DeliveryOutcome.QUEUED:
        return delivery.model_copy(update={"outcome": DeliveryOutcome.IGNORED, "fact": None, "note": NOBODYS})
    return delivery.model_copy(update={"workspace_id": workspace_id})
