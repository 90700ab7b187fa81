"""Stores deliveries with the jobs that apply their facts."""

from collections.abc import Sequence
from pathlib import Path

from pydantic_core import to_json

from bot.flows import workspaces
from bot.flows.account_access import admit
from bot.flows.catalog import apply_fact_job
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.deliveries import Delivery, DeliveryOutcome, insert_delivery
from bot.github.model import Account, Fact, owner_of
from jobq import Queue, write_transaction

NO_WORKSPACE = "joins no workspace yet"
"""The note of a delivery whose installation belongs to no workspace."""


def _read_statement() -> str:
    """With find_workspace.sql asked about each row, so that there is one place that finds workspaces."""
    find = workspaces.FIND.replace("$1", "new.installation_id").replace("$2", "new.account_id")
    return Path(__file__).with_suffix(".sql").read_text().replace("{find_workspace}", find)


STORE = _read_statement()


@write_transaction
async def take_delivery(delivery: Delivery, queue: Queue) -> DeliveryOutcome | None:
    """Stores the delivery and its job, or neither. Returns its outcome so far; None if its GUID is stored."""
    delivery = await _for_its_workspace(delivery, queue)
    if not await insert_delivery(delivery):
        return None
    if delivery.outcome is DeliveryOutcome.QUEUED:
        await queue.save(apply_fact_job(delivery.guid))
    return delivery.outcome


async def take_deliveries(deliveries: Sequence[Delivery], queue: Queue) -> dict[str, DeliveryOutcome]:
    """Stores these deliveries and their jobs in one statement, or none of them. Each GUID may come once.

    Returns the outcome of each that is stored now. Left out are those whose GUID is stored already, and facts
    of an installation that belongs to no workspace yet: `take_delivery` decides about these.
    """
    owners = [_owner_of(delivery.fact) for delivery in deliveries]
    rows = await queue.save_with(
        STORE,
        {delivery.guid: apply_fact_job(delivery.guid) for delivery in deliveries},
        [delivery.guid for delivery in deliveries],
        [delivery.event for delivery in deliveries],
        [delivery.action for delivery in deliveries],
        [delivery.received_at for delivery in deliveries],
        [to_json(delivery.fact).decode() if delivery.fact else None for delivery in deliveries],
        [delivery.outcome for delivery in deliveries],
        [delivery.note for delivery in deliveries],
        [getattr(delivery.fact, "installation_id", None) for delivery in deliveries],
        [account.id if account else None for account in owners],
    )
    return {row["guid"]: DeliveryOutcome(row["outcome"]) for row in rows}


def _owner_of(fact: Fact | None) -> Account | None:
    return owner_of(fact) if fact else None


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
