"""The link that Slack users are given."""

from bot.actions.identity import Invite, Purpose
from bot.model import WorkspaceId
from bot.settings import Settings
from bot.web.identity.parts import Guest, IdentityRefused, why_not
from bot.web.states import issue_state
from jobq import utc_now


def make_invite(settings: Settings) -> Invite:
    """Makes links to the pages of a bot with these settings."""

    async def invite(purpose: Purpose, workspace_id: WorkspaceId, slack_user_id: str) -> str:
        if words := why_not(settings):
            raise IdentityRefused(words)
        guest = Guest(workspace_id=workspace_id, slack_user_id=slack_user_id)
        state = await issue_state(purpose, guest.model_dump(), utc_now())
        return f"{settings.public_url}/github/{purpose}?state={state}"

    return invite
