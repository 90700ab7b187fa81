"""`ripe forget OWNER`: deletes what is known of an account at once, instead of a day after the uninstall."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.github.forgetting import (
    Holdings,
    KnownInstallation,
    count_holdings,
    forget_installations,
    list_installations_of,
)
from bot.github.model import AccessLost, NotFound
from bot.github.store import mark_installation
from bot.model import UserError, WorkspaceId
from jobq import Postpone


class GitHub(Protocol):
    """What forgetting asks of GitHub."""

    async def load_as_app(self, path: str) -> Any: ...


async def plan_forgetting(owner: str, workspace_id: WorkspaceId) -> list[str]:
    """What would be deleted, as lines to show. Raises UserError where nothing is known."""
    known = await _load(owner, workspace_id)
    lines = _describe(await count_holdings(one.id for one in known))
    if any(one.deleted_at is None for one in known):
        lines.append(f"As far as Ripe was told the App is still installed on {owner}: uninstall it first.")
    return lines


async def forget_owner(owner: str, workspace_id: WorkspaceId, *, github: GitHub, now: datetime) -> list[str]:
    """Deletes it, and tells what that was. Raises UserError, then nothing was deleted.

    Where the App is still installed its next webhook would bring it all back, so that is refused. We may have
    missed the uninstall: GitHub is asked.
    """
    known = await _load(owner, workspace_id)
    for one in known:
        if one.deleted_at is None:
            await _check_uninstalled(owner, one, github)
    for one in known:
        await mark_installation(one.id, deleted_at=now)
    ids = [one.id for one in known]
    forgotten = await count_holdings(ids)
    await forget_installations(ids)
    return _describe(forgotten)


async def _load(owner: str, workspace_id: WorkspaceId) -> Sequence[KnownInstallation]:
    known = await list_installations_of(workspace_id, owner)
    if not known:
        raise UserError(f"Nothing is known of {owner}.")
    return known


async def _check_uninstalled(owner: str, installation: KnownInstallation, github: GitHub) -> None:
    try:
        await github.load_as_app(f"/app/installations/{installation.id}")
    except NotFound:
        return
    except (AccessLost, Postpone) as error:
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
