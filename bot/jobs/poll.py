"""Asks GitHub every minute where the App is installed, if its webhooks cannot reach Ripe.

Each difference from what is stored becomes a delivery, which goes the way of a webhook. Each installation is
then polled by a job of its own.
"""

from collections.abc import Iterable

from bot.clock import Clock
from bot.flows.catalog import poll_installation_job
from bot.flows.polled_facts import take_polled_fact
from bot.github.inspection import AsApp, ListedInstallation, is_uninstalled, list_installations
from bot.github.model import Account, InstallationAction, InstallationFact
from bot.github.polling import PolledInstallation, list_polled_installations
from bot.model import AccountId
from jobq import ClaimedJob, Queue

NOBODY = Account(id=AccountId(0), login="an account that is gone")


async def poll(job: ClaimedJob, *, github: AsApp, queue: Queue, clock: Clock) -> None:
    """Stores installations that came, changed or went, and queues a look at each that is not suspended."""
    asked_at = clock.now()
    listed = await list_installations(github)
    stored = {installation.id: installation for installation in await list_polled_installations()}
    for installation in listed:
        for action in _changes(installation, stored.pop(installation.id, None)):
            await take_polled_fact(_fact(installation, action), asked_at, queue)
    for missing in stored.values():
        if await is_uninstalled(github, missing.id):
            await take_polled_fact(_fact(missing, InstallationAction.DELETED), asked_at, queue)
    await queue.save_all(
        poll_installation_job(installation.id) for installation in listed if not installation.is_suspended
    )


def _changes(listed: ListedInstallation, stored: PolledInstallation | None) -> Iterable[InstallationAction]:
    if stored is None or stored.account is None:
        yield InstallationAction.CREATED
    elif listed.permissions != stored.permissions:
        yield InstallationAction.NEW_PERMISSIONS_ACCEPTED
    if listed.is_suspended != (stored is not None and stored.is_suspended):
        yield InstallationAction.SUSPEND if listed.is_suspended else InstallationAction.UNSUSPEND


def _fact(
    installation: ListedInstallation | PolledInstallation, action: InstallationAction
) -> InstallationFact:
    return InstallationFact(
        action=action,
        installation_id=installation.id,
        account=installation.account or NOBODY,
        permissions=installation.permissions,
    )
