"""What the pages about identity work with, and what they refuse."""

from dataclasses import dataclass

from bot.actions.identity import Purpose
from bot.github.oauth import GitHubOAuth, ProvenInstallation
from bot.model import UserError, Value, WorkspaceId
from bot.settings import Settings
from bot.slack.gateway import SlackGateway, SlackOutcomeUnknown, SlackRefused, SlackUser
from bot.slack.workspaces import SlackWorkspaces, TokenUnreadable, WorkspaceGone
from jobq import Postpone, Queue


class IdentityRefused(UserError):
    """Nothing was changed. The text is for the person."""


class Guest(Value):
    """For whom a trip is: a Slack user of one workspace."""

    workspace_id: WorkspaceId
    slack_user_id: str


class Trip(Guest):
    """A trip to GitHub and back."""

    purpose: Purpose


class Choice(Guest):
    """What a person may choose from, as GitHub has proved it. `login` is theirs."""

    login: str
    installations: tuple[ProvenInstallation, ...]
    unproven: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """`settings` are those of the running bot."""

    settings: Settings
    workspaces: SlackWorkspaces
    queue: Queue

    @property
    def oauth(self) -> GitHubOAuth:
        """GitHub's OAuth. Raises IdentityRefused where it is not set up."""
        settings = self.settings
        if settings.github_client_id is None or settings.github_client_secret is None:
            raise IdentityRefused(why_not(settings))
        return GitHubOAuth(
            settings.github_web_url,
            settings.github_api_url,
            settings.github_client_id,
            settings.github_client_secret,
            f"{settings.public_url}/github/callback",
        )

    async def find_slack(self, guest: Guest) -> SlackGateway:
        """The Slack of a guest's workspace. Raises IdentityRefused."""
        try:
            return await self.workspaces.of(guest.workspace_id)
        except (WorkspaceGone, LookupError):
            raise IdentityRefused("Ripe is not in this Slack workspace any more.") from None
        except TokenUnreadable as error:
            raise IdentityRefused("Ripe cannot reach this Slack workspace: tell an admin.") from error

    async def load_user(self, guest: Trip) -> SlackUser:
        """Who the guest is in Slack now. To join something they must be an admin. Raises IdentityRefused."""
        slack = await self.find_slack(guest)
        try:
            user = await slack.find_user(guest.slack_user_id)
        except (SlackRefused, SlackOutcomeUnknown, Postpone) as error:
            raise IdentityRefused("Slack does not tell who you are. Try again in a minute.") from error
        if user is None or not user.is_active or user.is_bot:
            raise IdentityRefused("This link is for somebody who is not active in Slack.")
        if guest.purpose is Purpose.JOIN and not user.is_admin:
            raise IdentityRefused(
                "Only admins and owners of the Slack workspace can bring repositories to it."
            )
        return user


def why_not(settings: Settings) -> str:
    """What is missing for asking GitHub who somebody is, in words; empty where nothing is."""
    needed = {
        "GITHUB_CLIENT_ID": settings.github_client_id,
        "GITHUB_CLIENT_SECRET": settings.github_client_secret,
        "PUBLIC_URL": settings.public_url,
    }
    missing = [name for name, value in needed.items() if not value]
    if not missing:
        return ""
    return (
        f"GitHub cannot be asked who you are: {', '.join(missing)} must be set first, where Ripe is run."
        " Until then an admin connects people with `ripe people import`."
    )
