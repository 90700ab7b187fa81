"""Tells the owner of a GitHub account that somebody else connects it in Slack.

A person may have been tricked into signing in on GitHub for another one's link. The DM to the Slack user of
the link reaches the other one, so the owner is looked for as well: who had the account here before, and whose
address in Slack is the one that the account shows on GitHub.
"""

from collections.abc import Collection

import structlog

from bot.github.oauth import Identity
from bot.model import WorkspaceId
from bot.people.accounts import list_holders
from bot.people.store import list_people_by_id
from bot.slack.accounts import render_moved
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackGateway, SlackUser
from jobq import Postpone

log = structlog.get_logger()

_FAILURES = (SlackRefusedError, SlackOutcomeUnknownError, Postpone)


async def find_owners(
    workspace_id: WorkspaceId, identity: Identity, user: SlackUser, slack: SlackGateway
) -> Collection[str]:
    """The Slack ids of those to whom an account belongs or belonged, without the `user` who connects it."""
    holders = await list_people_by_id(await list_holders(workspace_id, identity.account.id))
    owners = {person.slack_user_id for person in holders}
    if identity.email:
        try:
            by_address = await slack.find_user_by_email(identity.email)
        except _FAILURES as error:
            log.warning("the owner of a GitHub account was not looked for", error=type(error).__name__)
            by_address = None
        if by_address is not None and by_address.is_active and not by_address.is_bot:
            owners.add(by_address.id)
    return owners - {user.id}


async def warn_owners(
    owners: Collection[str], login: str, user: SlackUser, slack: SlackGateway, *, is_linked: bool
) -> None:
    """Send each owner a DM, as far as Slack takes it."""
    rendered = render_moved(login, user.name, user.id, is_connected=is_linked)
    for owner in sorted(owners):
        try:
            await slack.post_dm(await slack.open_dm(owner), rendered)
        except _FAILURES as error:
            log.warning("no DM to the owner of an account", error=f"{type(error).__name__}: {error}")
