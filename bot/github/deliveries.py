"""Webhook deliveries in Postgres: each is stored under its GUID before its fact is applied."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from bot.github.model import FACT, Fact
from bot.model import Value, WorkspaceId
from jobq import current_database


class DeliveryOutcome(StrEnum):
    """The fate of a delivery.

    LATE: a newer fact was applied before it. TIED: it contradicts another fact of the same second, so GitHub
    is asked. IGNORED: Ripe does not follow this event. REJECTED: Ripe follows this event, but does not
    understand this payload.
    """

    QUEUED = "queued"
    APPLIED = "applied"
    LATE = "late"
    TIED = "tied"
    IGNORED = "ignored"
    REJECTED = "rejected"


class Delivery(Value):
    """One webhook POST, reduced to the allow-listed fields of its fact.

    `workspace_id` is None if its installation belongs to no workspace; then there is no fact either.
    """

    guid: str
    workspace_id: WorkspaceId | None
    event: str
    action: str
    received_at: datetime
    fact: Fact | None
    outcome: DeliveryOutcome
    note: str = ""

    @property
    def tenant(self) -> WorkspaceId:
        """The workspace. Raises LookupError if there is none."""
        if self.workspace_id is None:
            raise LookupError(f"delivery {self.guid} belongs to no workspace")
        return self.workspace_id


async def insert_delivery(delivery: Delivery) -> bool:
    """Whether it is news. A delivery whose GUID is stored already changes nothing, unless it was rejected and
    can be read now; it still counts as received when it first came."""
    is_new = await current_database().fetchval(
        """
        INSERT INTO delivery (workspace_id, guid, event, action, received_at, fact, outcome, note)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (guid) DO UPDATE SET (workspace_id, event, action, fact, outcome, note)
            = (excluded.workspace_id, excluded.event, excluded.action, excluded.fact, excluded.outcome,
                excluded.note)
        WHERE delivery.outcome = 'rejected' AND excluded.outcome <> 'rejected'
        RETURNING true
        """,
        delivery.workspace_id,
        delivery.guid,
        delivery.event,
        delivery.action,
        delivery.received_at,
        FACT.dump_json(delivery.fact).decode() if delivery.fact else None,
        delivery.outcome,
        delivery.note,
    )
    return is_new is not None


async def find_delivery(guid: str) -> Delivery | None:
    return (await find_deliveries([guid])).get(guid)


async def find_deliveries(guids: Iterable[str]) -> dict[str, Delivery]:
    """Those that are stored, by their GUIDs."""
    rows = await current_database().fetch(
        """
        SELECT guid, workspace_id, event, action, received_at, fact, outcome, note
        FROM delivery WHERE guid = ANY($1::text[])
        """,
        list(guids),
    )
    return {row["guid"]: _delivery(dict(row)) for row in rows}


def _delivery(fields: dict[str, Any]) -> Delivery:
    stored = fields.pop("fact")
    # A newer release may have stored fields that this one does not know.
    return Delivery(fact=FACT.validate_json(stored, extra="ignore") if stored else None, **fields)


async def list_known_guids(guids: Iterable[str]) -> set[str]:
    """Those that are stored and were not rejected: to store them again would change nothing."""
    rows = await current_database().fetch(
        "SELECT guid FROM delivery WHERE guid = ANY($1::text[]) AND outcome <> 'rejected'", list(guids)
    )
    return {row["guid"] for row in rows}


async def list_rejected_guids() -> tuple[str, ...]:
    """The oldest first."""
    rows = await current_database().fetch(
        "SELECT guid FROM delivery WHERE outcome = 'rejected' ORDER BY received_at, guid"
    )
    return tuple(row["guid"] for row in rows)


class Fate(NamedTuple):
    """The outcome of the delivery with this GUID."""

    guid: str
    outcome: DeliveryOutcome
    note: str


async def record_outcomes(fates: Sequence[Fate]) -> None:
    await current_database().execute(
        """
        UPDATE delivery SET outcome = fate.outcome, note = fate.note
        FROM unnest($1::text[], $2::text[], $3::text[]) AS fate (guid, outcome, note)
        WHERE delivery.guid = fate.guid
        """,
        *(list(column) for column in zip(*fates, strict=True)),
    )
