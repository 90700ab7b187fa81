"""The ports of the pages about identity, and the trips to GitHub that they remember."""

from dataclasses import dataclass

from bot.actions.identity import Purpose
from bot.actions.link_account import check_member
from bot.github.oauth import GitHubOAuth, ProvenInstallation
from bot.model import UserError, Value, WorkspaceId
from bot.settings import Settings
from bot.slack.errors import (
    SlackOutcomeUnknownError,
    SlackRefusedError,
    TokenUnreadableError,
    WorkspaceGoneError,
)
from bot.slack.gateway import SlackGateway, SlackUser
from bot.slack.workspaces import SlackWorkspaces
from jobq import Postpone, Queue


class Invitee(Value):
    """The Slack user who asked for a link, in one workspace."""

    workspace_id: WorkspaceId
    slack_user_id: str


class Trip(Invitee):
    """A trip to GitHub and back."""

    purpose: Purpose


class InstallationOffer(Invitee):
    """The installations that a person may bring to the workspace, as GitHub has proved them.

    `login` is the person's own. `unproven` are organizations whose owners GitHub does not tell the App.
    """

    login: str
    installations: tuple[ProvenInstallation, ...]
    unproven: tuple[str, ...]


@dataclass(frozen=True)
class IdentityPorts:
    """`settings` are those of the running bot."""

    settings: Settings
    workspaces: SlackWorkspaces
    queue: Queue

    @property
    def oauth(self) -> GitHubOAuth:
        """GitHub's OAuth. Raises UserError if it is not set up."""
        settings = self.settings
        if settings.github_client_id is None or settings.github_client_secret is None:
            raise UserError(describe_missing_settings(settings))
        return GitHubOAuth(
            settings.github_web_url,
            settings.github_api_url,
            settings.github_client_id,
            settings.github_client_secret,
            f"{settings.public_url}/github/callback",
        )

    async def load_slack(self, invitee: Invitee) -> SlackGateway:
        """The Slack of the invitee's workspace. Raises UserError."""
        try:
            return await self.workspaces.of(invitee.workspace_id)
        except (WorkspaceGoneError, LookupError):
            raise UserError("Ripe is not in this Slack workspace any more.") from None
        except TokenUnreadableError as error:
            raise UserError("Ripe cannot reach this Slack workspace: tell an admin.") from error

    async def load_user(self, trip: Trip) -> SlackUser:
        """The person as Slack knows them now. Raises UserError if this trip is not for them.

        They must be active; an admin if they want to bring an installation, and no guest otherwise.
        """
        slack = await self.load_slack(trip)
        try:
            user = await slack.find_user(trip.slack_user_id)
        except (SlackRefusedError, SlackOutcomeUnknownError, Postpone) as error:
            raise UserError("Slack does not tell who you are. Try again in a minute.") from error
        if user is None or not user.is_active or user.is_bot:
            raise UserError("This link is for somebody who is not active in Slack.")
        if trip.purpose is Purpose.LINK:
            await check_member(trip.workspace_id, user)
        if trip.purpose is Purpose.JOIN and not user.is_admin:
            raise UserError("Only admins and owners of the Slack workspace can bring repositories to it.")
        return user


def describe_missing_settings(settings: Settings) -> str:
    """Which settings must be set before GitHub can be asked who somebody is; empty if none is missing."""
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
