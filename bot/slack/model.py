"""Slack workspaces, each of which is a tenant."""

from datetime import datetime

from pydantic import SecretStr

from bot.model import Value, WorkspaceId


class SlackWorkspace(Value):
    """A row of workspaces. `team_id` is Slack's id of it, None until Slack first says it.

    `sealed_token` is the encrypted token of its bot, None if /slack/install was not used. The app was removed
    there at `gone_at`.
    """

    id: WorkspaceId
    team_id: str | None
    name: str | None
    sealed_token: bytes | None
    gone_at: datetime | None


class SlackGrant(Value):
    """The workspace, the scopes and the bot user of a token."""

    team_id: str
    team: str
    scopes: frozenset[str]
    bot_user_id: str = ""


class SlackInstallation(Value):
    """The grant and the token of a workspace that has just installed the app."""

    grant: SlackGrant
    token: SecretStr
