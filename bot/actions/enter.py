"""A Slack workspace installs the app, for the first time or again."""

from datetime import datetime

import structlog

from bot.flows.catalog import repair_job
from bot.flows.refused_people import decide_refused_anew
from bot.model import UserError
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError, TokenUnreadableError
from bot.slack.model import SlackInstallation
from bot.slack.workspaces import SlackWorkspaces
from jobq import Postpone, Queue, current_database

log = structlog.get_logger()


async def prepare_to_enter(workspaces: SlackWorkspaces, *, queue: Queue, now: datetime) -> None:
    """Makes sure that the workspace of SLACK_BOT_TOKEN is known, so it cannot become two. Raises UserError.

    Call this before Slack issues a new token, since Slack may then revoke the old one.
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
    """Saves its token, and resumes its work if the app had been removed there. Raises UserError."""
    try:
        async with current_database().transaction():
            workspace_id = await workspaces.save(installation, now)
            # The new token may be allowed what the old one was refused.
            await queue.save_all([repair_job(), *await decide_refused_anew(now, workspace_id)])
    except TokenUnreadableError as error:
        raise UserError("Ripe has no SECRET_KEYS to keep the token with.") from error
    log.info("Slack workspace installed", workspace_id=workspace_id, team_id=installation.grant.team_id)


async def recognize_first_workspace(workspaces: SlackWorkspaces, *, queue: Queue, now: datetime) -> None:
    """Asks Slack which workspace SLACK_BOT_TOKEN belongs to, and resumes its work if the app was gone.

    Raises the errors of SlackGateway.
    """
    if await workspaces.learn_first(now):
        await queue.save(repair_job())
