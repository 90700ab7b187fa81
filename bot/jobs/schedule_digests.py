"""Schedules the first digests: the DMs that list the reviews that were open before Ripe was installed."""

from datetime import timedelta

from bot.clock import Clock
from bot.flows.digests import schedule_digests_for
from bot.flows.unnotified import list_people_to_notify
from jobq import ClaimedJob, Queue

EVERY = timedelta(hours=1)
"""How often to look for people who were connected to Slack after their reviews were found."""


async def schedule_digests(job: ClaimedJob, *, queue: Queue, clock: Clock) -> None:
    """Recurs: schedules the digest of everybody whom a part of the backlog still waits for."""
    await schedule_digests_for(await list_people_to_notify(), queue, clock.now())
