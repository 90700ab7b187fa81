"""An installation of the GitHub App joins a Slack workspace after GitHub has proved who owns it."""

import structlog

from bot.flows.catalog import enter_installation_job
from bot.github.access import allow_account
from bot.github.joining import give_installation
from bot.github.oauth import ProvenInstallation
from bot.model import UserError, WorkspaceId
from jobq import Queue, write_transaction

log = structlog.get_logger()


@write_transaction
async def join_installation(
    workspace_id: WorkspaceId, installation: ProvenInstallation, *, queue: Queue, by: str | None = None
) -> None:
    """Gives its repositories to this workspace and schedules the import of their open pull requests.

    Its account is allowed from now on. `by` is the admin's name. May be repeated.

    Raises UserError if it belongs to another workspace.
    """
    if not await give_installation(workspace_id, installation):
        raise UserError(
            f"The installation on {installation.account.login} belongs to another Slack workspace, or was"
            " deleted. It is free a day after Ripe was removed there. Nothing was changed."
        )
    await allow_account(workspace_id, installation.account, queue.now(), by)
    await queue.save(enter_installation_job(installation.id))
    log.info("installation joined", workspace_id=workspace_id, installation_id=installation.id)
