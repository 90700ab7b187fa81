"""The link with which one more Slack workspace installs the app. Admins make it; it works once, for 1 h."""

from datetime import datetime, timedelta

from bot.model import UserError
from bot.settings import Settings
from bot.web.one_time import Refusals, StateRefusedError
from bot.web.states import issue_state, read_state, spend_state
from jobq import utc_now

PURPOSE = "workspace_invite"
LINK_LIFE = timedelta(hours=1)
ASK = (
    "An admin of Ripe makes the link for one more Slack workspace: `/reviews admin invite-workspace` in the"
    " workspace that Ripe was set up with, or `ripe slack-link` where Ripe runs. Please ask one of them."
)

_REFUSALS = Refusals(
    unknown=f"Ripe did not make this link. {ASK}",
    used=f"This link was used before, and it is good for one time. {ASK}",
    expired=f"This link is older than an hour. {ASK}",
)


async def make_workspace_link(settings: Settings, by: str) -> str:
    """A new link. `by` is the admin, for the record. Raises UserError if a setting is missing."""
    if missing := missing_settings(settings):
        raise UserError(f"{', '.join(missing)} must be set first, where Ripe is run.")
    invite = await issue_state(PURPOSE, {"by": by}, utc_now(), life=LINK_LIFE)
    return f"{settings.public_url}/slack/install?invite={invite}"


async def check_invite(invite: str, now: datetime) -> None:
    """Raises StateRefusedError unless the link with this secret, which may be empty, could be used now."""
    if not invite:
        raise StateRefusedError(f"This page opens with a link only. {ASK}")
    await read_state(PURPOSE, invite, None, now, _REFUSALS)


async def spend_invite(invite: str, now: datetime) -> None:
    """Nobody can use this link again. Raises StateRefusedError."""
    await spend_state(PURPOSE, invite, None, now, _REFUSALS)


def missing_settings(settings: Settings) -> list[str]:
    """The settings without which no further workspace can install the app."""
    needed = {
        "SLACK_CLIENT_ID": settings.slack_client_id,
        "SLACK_CLIENT_SECRET": settings.slack_client_secret,
        "PUBLIC_URL": settings.public_url,
        "SECRET_KEYS": settings.secret_keys,
    }
    return [name for name, value in needed.items() if not value]
