"""Has every workspace compared with Slack, once a day, and asks about accounts of which no admin heard."""

from datetime import timedelta

from bot.flows.catalog import refresh_profiles_job, tell_admin_of_accounts_job
from bot.flows.workspaces import list_present_workspaces
from bot.github.access import list_unaware_workspaces
from jobq import ClaimedJob, Queue

EVERY = timedelta(days=1)


async def refresh_workspaces(job: ClaimedJob, *, queue: Queue) -> None:
    """Saves a job for each workspace."""
    await queue.save_all(map(refresh_profiles_job, await list_present_workspaces()))
    # Nobody is asked in shadow mode, or while no admin gets DMs.
    await queue.save_all(map(tell_admin_of_accounts_job, await list_unaware_workspaces()))
