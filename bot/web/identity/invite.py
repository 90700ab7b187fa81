"""The links that Slack users get."""

from bot.actions.identity import Invite, Purpose
from bot.model import UserError, WorkspaceId
from bot.settings import Settings
from bot.web.identity.ports import Invitee, describe_missing_settings
from bot.web.states import issue_state
from bot.web.workspace_link import make_workspace_link
from jobq import utc_now


def make_invite(settings: Settings) -> Invite:
    """Makes links to the pages of a bot with these settings."""

    async def invite(purpose: Purpose, workspace_id: WorkspaceId, slack_user_id: str) -> str:
        if purpose is Purpose.WORKSPACE:
            return await make_workspace_link(settings, slack_user_id)
        if reason := describe_missing_settings(settings):
            raise UserError(reason)
        invitee = Invitee(workspace_id=workspace_id, slack_user_id=slack_user_id)
        state = await issue_state(purpose, invitee.model_dump(), utc_now())
        return f"{settings.public_url}/github/{purpose}?state={state}"

    return invite
