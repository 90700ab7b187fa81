"""How far the bot has looked after itself: redeliveries, downtime, comparisons. Uses the ambient database."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from bot.model import InstallationId, RepositoryId, Value
from jobq import current_database


class Watch(Value):
    """`delivered_to`: every earlier delivery is stored, or GitHub was asked to send it again.

    `compared_at` is when the last comparison of everything with GitHub began. Each is None before the first.
    """

    delivered_to: datetime | None = None
    compared_at: datetime | None = None


async def load_watch() -> Watch:
    row = await current_database().fetchrow("SELECT delivered_to, compared_at FROM watch")
    return Watch.model_validate(dict(row)) if row else Watch()


async def record_alive(now: datetime) -> datetime | None:
    """Records that a worker runs. Returns when one ran before, as far as it is known."""
    previous: datetime | None = await current_database().fetchval(
        """
        WITH previous AS (SELECT alive_at FROM watch)
        INSERT INTO watch (alive_at) VALUES ($1)
        ON CONFLICT (is_only_row) DO UPDATE SET alive_at = excluded.alive_at
        RETURNING (SELECT alive_at FROM previous)
        """,
        now,
    )
    return previous


async def record_delivered(delivered_to: datetime) -> None:
    """Never moves back."""
    await current_database().execute(
        """
        INSERT INTO watch (delivered_to) VALUES ($1)
        ON CONFLICT (is_only_row)
        DO UPDATE SET delivered_to = greatest(watch.delivered_to, excluded.delivered_to)
        """,
        delivered_to,
    )


async def record_comparison(at: datetime) -> None:
    """Records that a comparison of everything began."""
    await current_database().execute(
        """
        INSERT INTO watch (compared_at) VALUES ($1)
        ON CONFLICT (is_only_row) DO UPDATE SET compared_at = excluded.compared_at
        """,
        at,
    )


async def list_stored_guids(guids: Collection[str]) -> frozenset[str]:
    """Those of these deliveries that are stored."""
    rows = await current_database().fetch(
        "SELECT guid FROM delivery WHERE guid = ANY($1::text[])", list(guids)
    )
    return frozenset(row["guid"] for row in rows)


async def list_asked(guids: Collection[str]) -> Mapping[str, datetime]:
    """When GitHub was asked to send these again, for each for which it was."""
    rows = await current_database().fetch(
        "SELECT guid, asked_at FROM redelivery WHERE guid = ANY($1::text[])", list(guids)
    )
    return {row["guid"]: row["asked_at"] for row in rows}


async def record_redelivery(guid: str, at: datetime) -> None:
    """Records that GitHub is asked to send a delivery again. Call it before the call."""
    await current_database().execute(
        """
        INSERT INTO redelivery (guid, asked_at) VALUES ($1, $2)
        ON CONFLICT (guid) DO UPDATE SET asked_at = excluded.asked_at
        """,
        guid,
        at,
    )


async def record_compared_installation(installation_id: InstallationId, at: datetime, mended: int) -> None:
    await current_database().execute(
        "UPDATE installation SET compared_at = $2, mended = $3 WHERE id = $1", installation_id, at, mended
    )


async def record_compared_repository(repository_id: RepositoryId, at: datetime, mended: int) -> None:
    await current_database().execute(
        "UPDATE repository SET compared_at = $2, mended = $3 WHERE id = $1", repository_id, at, mended
    )


async def follow_repositories(repository_ids: Iterable[RepositoryId], since: datetime) -> None:
    """Records that the facts of these repositories come since then: what is older is its backlog."""
    await current_database().execute(
        "UPDATE repository SET followed_from = $2 WHERE id = ANY($1::bigint[])", list(repository_ids), since
    )


async def find_followed_from(repository_id: RepositoryId) -> datetime | None:
    """None if its facts came before that was recorded."""
    since: datetime | None = await current_database().fetchval(
        "SELECT followed_from FROM repository WHERE id = $1", repository_id
    )
    return since
