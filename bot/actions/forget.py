"""`ripe forget OWNER`: deletes the data of a GitHub account now, not a day after the uninstall."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.clock import Clock
from bot.flows import outbox
from bot.flows.account_forgetting import (
    Holdings,
    OwnedInstallation,
    count_holdings,
    forget_installations,
    list_installations_of,
    list_recent_requests,
)
from bot.flows.reminding import bring_to_rest
from bot.flows.repositories import leave_repositories
from bot.github.model import AccessLostError, NotFoundError
from bot.github.store import list_repository_ids, mark_installation
from bot.model import InstallationId, RequestId, UserError, WorkspaceId
from jobq import Postpone, Queue, write_transaction

STRUCK_WITHIN = timedelta(hours=1)
"""DMs about a review request may wait this long to be struck after it was closed."""


class GitHub(Protocol):
    """The part of the GitHub gateway that forgetting uses."""

    async def load_as_app(self, path: str) -> Any: ...


async def plan_forgetting(owner: str, workspace_id: WorkspaceId) -> list[str]:
    """The rows that would be deleted, as lines to print. Raises UserError for an unknown account."""
    installations = await _load(owner, workspace_id)
    lines = _describe(await count_holdings(installation.id for installation in installations))
    if any(installation.deleted_at is None for installation in installations):
        lines.append(f"As far as Ripe knows, the App is still installed on {owner}: uninstall it first.")
    return lines


async def forget_owner(
    owner: str,
    workspace_id: WorkspaceId,
    *,
    github: GitHub,
    slack: outbox.Slack | None,
    queue: Queue,
    clock: Clock,
) -> list[str]:
    """Deletes the data of a GitHub account and returns what was deleted. After a UserError nothing was.

    Refuses while the App is installed there, since its next webhook would bring everything back. GitHub is
    asked, because we may have missed the uninstall. DMs with buttons are struck before we forget where they
    are; `slack` is None if none were sent.
    """
    installations = await _load(owner, workspace_id)
    for installation in installations:
        if installation.deleted_at is None:
            await _check_uninstalled(owner, installation, github)
    ids = [installation.id for installation in installations]
    concerned = await list_recent_requests(ids, clock.now() - STRUCK_WITHIN)
    await _leave(ids, queue, clock.now())
    await _strike(concerned, slack, queue, clock)
    forgotten = await count_holdings(ids)
    await forget_installations(ids)
    return _describe(forgotten)


@write_transaction
async def _leave(installation_ids: Iterable[InstallationId], queue: Queue, now: datetime) -> None:
    # As if the uninstall had just been reported. If we crash after it, the workers strike the DMs.
    for identity in installation_ids:
        await mark_installation(identity, deleted_at=now)
        await queue.save_all(await leave_repositories(identity, await list_repository_ids(identity), now))


async def _strike(
    request_ids: Iterable[RequestId], slack: outbox.Slack | None, queue: Queue, clock: Clock
) -> None:
    waiting = 0
    for request_id in request_ids:
        try:
            await bring_to_rest(request_id, slack=slack, queue=queue, clock=clock)
        except Postpone:
            waiting += 1
    if waiting:
        raise UserError(
            f"DMs about {waiting} reviews still ask for something, and Slack does not take the change now."
            " Nothing was deleted: try again in a minute."
        )


async def _load(owner: str, workspace_id: WorkspaceId) -> Sequence[OwnedInstallation]:
    installations = await list_installations_of(workspace_id, owner)
    if not installations:
        raise UserError(f"Nothing is known of {owner}.")
    return installations


async def _check_uninstalled(owner: str, installation: OwnedInstallation, github: GitHub) -> None:
    try:
        await github.load_as_app(f"/app/installations/{installation.id}")
    except NotFoundError:
        return
    except (AccessLostError, Postpone) as error:
        raise UserError(
            f"GitHub cannot be asked whether the App is still installed on {owner} ({error}): try again"
            " later, or see `ripe doctor`."
        ) from error
    raise UserError(
        f"The App is still installed on {owner}, and its next webhook would bring everything back: uninstall"
        f" it on GitHub first (Settings, GitHub Apps; installation {installation.id})."
    )


def _describe(holdings: Holdings) -> list[str]:
    return [f"{name.replace('_', ' ')}: {count}" for name, count in holdings.model_dump().items()]
