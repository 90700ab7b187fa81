"""Asks GitHub every minute where the App is installed, if its webhooks cannot reach Ripe.

Each difference from what is stored becomes a delivery, which goes the way of a webhook. Each installation is
then polled by a job of its own.
"""

from bot.clock import Clock
from bot.flows.catalog import poll_installation_job
from bot.flows.polled_facts import take_polled_fact
from bot.github.access import list_unallowed_accounts
from bot.github.differences import installation_fact, installation_facts
from bot.github.inspection import AsApp, is_uninstalled, list_installations
from bot.github.model import InstallationAction
from bot.github.polling import list_polled_installations
from jobq import ClaimedJob, Queue


async def poll(job: ClaimedJob, *, github: AsApp, queue: Queue, clock: Clock) -> None:
    """Stores installations that came, changed or went, and queues a look at each that is not suspended.

    Installations on accounts that no admin has allowed are not looked at.
    """
    asked_at = clock.now()
    listed = await list_installations(github)
    stored = {installation.id: installation for installation in await list_polled_installations()}
    for installation in listed:
        for fact in installation_facts(installation, stored.pop(installation.id, None)):
            await take_polled_fact(fact, asked_at, queue)
    for missing in stored.values():
        if await is_uninstalled(github, missing.id):
            await take_polled_fact(installation_fact(missing, InstallationAction.DELETED), asked_at, queue)
    unallowed = await list_unallowed_accounts()
    await queue.save_all(
        poll_installation_job(installation.id)
        for installation in listed
        if not installation.is_suspended
        and (installation.account is None or installation.account.id not in unallowed)
    )
