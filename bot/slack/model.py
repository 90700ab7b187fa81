"""What is known of a Slack workspace, the tenant."""

from datetime import datetime

from pydantic import SecretStr

from bot.model import Value, WorkspaceId


class SlackWorkspace(Value):
    """One tenant. `team_id` is Slack's name for it, None until Slack first tells us.

    `sealed_token` is its bot's token, encrypted; None where /slack/install was not used. `gone_at`:
    since when the app is taken away there.
    """

    id: WorkspaceId
    team_id: str | None
    name: str | None
    sealed_token: bytes | None
    gone_at: datetime | None


class SlackGrant(Value):
    """What the bot's token is good for, and who it is."""

    team_id: str
    team: str
    scopes: frozenset[str]
    bot_user_id: str = ""


class SlackInstallation(Value):
    """What Slack gives for the code of an installation."""

    grant: SlackGrant
    token: SecretStr
