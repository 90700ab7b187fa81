"""Asks GitHub which repositories an installation sees, and has those polled that have waited longest."""

from bot.clock import Clock
from bot.flows.catalog import poll_repository_job
from bot.flows.polled_facts import take_polled_fact
from bot.github.differences import GitHub, list_repositories, repository_facts
from bot.github.model import RefusedError
from bot.github.polling import (
    REPOSITORIES_A_POLL,
    find_polled_installation,
    list_longest_unpolled,
    list_polled_repositories,
)
from bot.model import InstallationId, Parsed
from jobq import ClaimedJob, Discard, Queue


class Arguments(Parsed):
    installation_id: InstallationId


async def poll_installation(job: ClaimedJob, *, github: GitHub, queue: Queue, clock: Clock) -> Discard | None:
    """Stores repositories that came, went or were renamed, and queues a look at some, a job each."""
    identity, asked_at = job.read(Arguments).installation_id, clock.now()
    try:
        listed = await list_repositories(github, identity)
    except RefusedError as error:
        return Discard(f"GitHub does not show it: {error}")
    installation = await find_polled_installation(identity)
    if installation is None or installation.account is None:
        return Discard("not installed any more, or not in a workspace yet")
    stored = await list_polled_repositories(identity)
    for fact in repository_facts(identity, installation.account, listed, stored):
        await take_polled_fact(fact, asked_at, queue)
    due = await list_longest_unpolled(identity, REPOSITORIES_A_POLL)
    await queue.save_all(poll_repository_job(identity, repository_id) for repository_id in due)
    return None
