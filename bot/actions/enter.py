"""A Slack workspace takes the app in, for the first time or again."""

from datetime import datetime

import structlog

from bot.flows.catalog import repair_job
from bot.model import UserError
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError, TokenUnreadableError
from bot.slack.model import SlackInstallation
from bot.slack.workspaces import SlackWorkspaces
from jobq import Postpone, Queue, current_database

log = structlog.get_logger()


async def prepare_to_enter(workspaces: SlackWorkspaces, *, queue: Queue, now: datetime) -> None:
    """Finds out which workspace the environment's token is for, lest it become two. Raises UserError.

    Before a new token is asked for: that may be the end of the old one.
    """
    if not await workspaces.is_first_unknown():
        return
    try:
        await recognize_first_workspace(workspaces, queue=queue, now=now)
    except SlackRefusedError as error:
        log.warning("Slack refuses SLACK_BOT_TOKEN", error=error.error)
    except (SlackOutcomeUnknownError, Postpone) as error:
        raise UserError("Slack gave no answer. Begin again.") from error


async def enter_workspace(
    installation: SlackInstallation, workspaces: SlackWorkspaces, *, queue: Queue, now: datetime
) -> None:
    """Keeps its token. What waited while the app was gone there goes on. Raises UserError."""
    try:
        async with current_database().transaction():
            workspace_id = await workspaces.save(installation, now)
            await queue.save(repair_job())
    except TokenUnreadableError as error:
        raise UserError("Ripe has no SECRET_KEYS to keep the token with.") from error
    log.info("Slack workspace installed", workspace_id=workspace_id, team_id=installation.grant.team_id)


async def recognize_first_workspace(workspaces: SlackWorkspaces, *, queue: Queue, now: datetime) -> None:
    """Asks Slack whose the environment's token is. Where the app had been gone, what waited goes on.

    Raises what the gateway raises.
    """
    if await workspaces.learn_first(now):
        await queue.save(repair_job())
