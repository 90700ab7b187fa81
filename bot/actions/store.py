"""The actions of people in Postgres. Uses the ambient transaction."""

from collections.abc import Sequence
from datetime import datetime

from bot.actions.model import CHANGES, Action, Change
from bot.people.model import Person
from jobq import current_database


async def insert_action(person: Person, answer: str, changes: Sequence[Change], done_at: datetime) -> int:
    """Remembers an action and how to undo it. Returns its id."""
    identity: int = await current_database().fetchval(
        """
        INSERT INTO action (workspace_id, person_id, told, undo, done_at)
        VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        person.workspace_id,
        person.id,
        answer,
        CHANGES.dump_json(tuple(changes)).decode(),
        done_at,
    )
    return identity


async def lock_action(action_id: int) -> Action | None:
    """Locks an action, so that nobody else undoes it before this transaction ends."""
    row = await current_database().fetchrow(
        "SELECT id, person_id, told, undo, done_at, undone_at FROM action WHERE id = $1 FOR UPDATE", action_id
    )
    if row is None:
        return None
    return Action(
        id=row["id"],
        person_id=row["person_id"],
        answer=row["told"],
        changes=CHANGES.validate_json(row["undo"], extra="ignore"),
        done_at=row["done_at"],
        undone_at=row["undone_at"],
    )


async def mark_undone(action_id: int, at: datetime) -> None:
    await current_database().execute("UPDATE action SET undone_at = $2 WHERE id = $1", action_id, at)


async def is_absence_in_force(absence_id: int) -> bool:
    """False if it was cancelled or deleted."""
    is_in_force: bool = await current_database().fetchval(
        "SELECT EXISTS (SELECT FROM absence WHERE id = $1 AND cancelled_at IS NULL)", absence_id
    )
    return is_in_force
