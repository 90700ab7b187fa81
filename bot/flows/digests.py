"""Schedules welcome digests: the DMs that list the reviews that were open before Ripe was installed."""

from collections.abc import Iterable
from datetime import datetime

from bot.flows.catalog import welcome_digest_job
from bot.model import PersonId
from bot.people.store import list_people_by_id
from bot.reminders.planning import next_morning
from jobq import Queue


async def schedule_digests_for(person_ids: Iterable[PersonId], queue: Queue, now: datetime) -> None:
    """Queues one DM each, for when their next working day begins. A person who never works gets none."""
    people = await list_people_by_id(person_ids)
    mornings = [(person, next_morning(person, now)) for person in people]
    await queue.save_all(
        welcome_digest_job(person.id, person.workspace_id).runs_at(at) for person, at in mornings if at
    )
