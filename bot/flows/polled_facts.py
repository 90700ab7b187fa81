"""Turns a difference that polling saw into a delivery, which then goes the way of a webhook."""

from datetime import datetime

import structlog

from bot.flows.account_access import admit
from bot.flows.take_delivery import take_delivery
from bot.flows.workspaces import find_workspace_of_installation
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.model import (
    InstallationFact,
    PullRequestAction,
    PullRequestFact,
    PullRequestSnapshot,
    RepositoriesFact,
    RepositoryFact,
    owner_of,
)
from bot.model import InstallationId
from jobq import Queue, current_database

log = structlog.get_logger()

EVENT = "poll"

PolledFact = InstallationFact | RepositoriesFact | RepositoryFact | PullRequestFact


async def take_polled_fact(fact: PolledFact, asked_at: datetime, queue: Queue) -> None:
    """Stores the fact as a delivery, with its job. `asked_at` is when GitHub was asked."""
    account = owner_of(fact)
    if await find_workspace_of_installation(fact.installation_id, account.id if account else None) is None:
        # Else every poll would store a delivery until the installation joins a workspace.
        async with current_database().transaction():
            if await admit(fact, queue, asked_at) is None:
                return
    action = getattr(fact, "action", "")
    delivery = Delivery(
        guid=f"{EVENT}:{fact.kind}:{action}:{_subject_of(fact)}:{asked_at:%Y%m%dT%H%M%S.%f}",
        workspace_id=None,
        event=EVENT,
        action=action,
        received_at=asked_at,
        fact=fact,
        outcome=DeliveryOutcome.QUEUED,
    )
    outcome = await take_delivery(delivery, queue)
    log.info("change seen by polling", kind=fact.kind, guid=delivery.guid, outcome=outcome)


async def take_opened(
    snapshot: PullRequestSnapshot, installation_id: InstallationId, asked_at: datetime, queue: Queue
) -> None:
    """Stores that a pull request was opened of which no fact has come."""
    fact = PullRequestFact(
        action=PullRequestAction.OPENED,
        installation_id=installation_id,
        sender=snapshot.author,
        pull_request=snapshot,
    )
    await take_polled_fact(fact, asked_at, queue)


def _subject_of(fact: PolledFact) -> int:
    match fact:
        case PullRequestFact():
            return fact.pull_request.id
        case RepositoryFact():
            return fact.repository.id
        case InstallationFact() | RepositoriesFact():
            return fact.installation_id
