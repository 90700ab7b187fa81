"""Letters in Postgres: DMs to a person that are about no single pull request, one for each occasion."""

from datetime import datetime
from enum import StrEnum

from bot.people.model import Person
from bot.reminders.model import Message
from jobq import current_database


class Letter(StrEnum):
    """BACKLOG: what waits since before Ripe came. GREETING: to whoever installed it."""

    BACKLOG = "backlog"
    GREETING = "greeting"


async def begin_letter(person: Person, letter: Letter, occasion: str, now: datetime) -> int | None:
    """Writes down that it is about to be posted; returns its id. None: this occasion has had its letter."""
    identity: int | None = await current_database().fetchval(
        """
        INSERT INTO message (workspace_id, letter, occasion, state, person_id, sending_at)
        VALUES ($1, $2, $3, 'sending', $4, $5)
        ON CONFLICT (person_id, letter, occasion) DO NOTHING RETURNING id
        """,
        person.workspace_id,
        letter,
        occasion,
        person.id,
        now,
    )
    return identity


async def find_unsettled(person: Person, letter: Letter) -> Message | None:
    """The oldest letter to this person of which nobody knows whether it arrived."""
    row = await current_database().fetchrow(
        """
        SELECT id, 0 AS sequence, state, sending_at, sending_on AS sending_started_at, sent_at, channel, ts,
            shown, error
        FROM message WHERE person_id = $1 AND letter = $2 AND state IN ('sending', 'unknown')
        ORDER BY id LIMIT 1
        """,
        person.id,
        letter,
    )
    return Message.model_validate(dict(row)) if row else None
