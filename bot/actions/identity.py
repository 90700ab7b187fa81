"""`/reviews link` connects a GitHub account, and `/reviews admin join` an installation of the GitHub App.

GitHub asks people in a browser, so the answer is a link for this person alone.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from bot.actions.link_account import unlink_accounts
from bot.model import UserError, WorkspaceId
from bot.people.accounts import list_accounts_of
from bot.people.model import MappedAccount
from bot.slack.commands import IdentityCommand, JoinInstallation, LinkAccount, UnlinkAccount
from bot.slack.escape import disarm
from bot.slack.messages import MOST_IN_NAME, OPEN, Rendered, button, join_words, render_text
from jobq import Queue

_ONCE = "The link is for you alone: good for one time, for ten minutes. Do not pass it on."


class Purpose(StrEnum):
    """The reason for a visit to GitHub."""

    LINK = "link"
    JOIN = "join"
    WORKSPACE = "workspace"
    """Not to GitHub but to Slack, to install Ripe in one more workspace."""


class Invite(Protocol):
    """Makes the link that takes a Slack user to GitHub. Raises UserError if GitHub's OAuth is not set up."""

    async def __call__(self, purpose: Purpose, workspace_id: WorkspaceId, slack_user_id: str) -> str: ...


async def answer_identity(
    command: IdentityCommand, workspace_id: WorkspaceId, slack_user_id: str, *, invite: Invite, queue: Queue
) -> Rendered:
    """Carries out a command, even for a person who is not linked yet. Raises UserError."""
    match command:
        case LinkAccount():
            accounts = await list_accounts_of(workspace_id, slack_user_id)
            return await _offer_link(accounts, workspace_id, slack_user_id, invite)
        case UnlinkAccount():
            return _describe_unlinked(await unlink_accounts(workspace_id, slack_user_id, queue=queue))
        case JoinInstallation():
            address = await invite(Purpose.JOIN, workspace_id, slack_user_id)
            return render_text(
                "*Bring repositories to this Slack workspace.* GitHub tells Ripe which installations of its"
                " App are yours, and you choose one. For admins and owners of this workspace.\n" + _ONCE,
                _link("Go to GitHub", address),
            )


async def offer_workspace_link(workspace_id: WorkspaceId, slack_user_id: str, *, invite: Invite) -> Rendered:
    """Makes the link with which one more workspace installs Ripe. The caller must be an admin."""
    address = await invite(Purpose.WORKSPACE, workspace_id, slack_user_id)
    return render_text(
        "*Install Ripe in one more Slack workspace.* Open the link, or give it to an admin of that workspace."
        " It works once, within an hour. Anybody who has the link can install Ripe in a workspace, so keep it"
        " to yourselves.",
        _link("Install in Slack", address),
    )


async def _offer_link(
    accounts: Sequence[MappedAccount], workspace_id: WorkspaceId, slack_user_id: str, invite: Invite
) -> Rendered:
    if not accounts:
        address = await invite(Purpose.LINK, workspace_id, slack_user_id)
        return render_text(
            "*Connect your GitHub account*, so that Ripe knows which reviews wait for you. GitHub tells Ripe"
            " your login; Ripe gets no access to code.\n" + _ONCE,
            _link("Connect GitHub", address),
        )
    text = f"On GitHub you are {_names(accounts)}. `/reviews link off` ends that."
    try:
        address = await invite(Purpose.LINK, workspace_id, slack_user_id)
    except UserError:
        return render_text(text)
    return render_text(f"{text} You can connect another account as well.", _link("Connect another", address))


def _describe_unlinked(removed: Sequence[MappedAccount]) -> Rendered:
    if not removed:
        raise UserError("No GitHub account is connected with you, so nothing was changed.")
    return render_text(
        f"You are not connected with {_names(removed)} on GitHub any more: Ripe sends you nothing about its"
        " reviews. `/reviews link` connects it again."
    )


def _names(accounts: Sequence[MappedAccount]) -> str:
    return join_words([f"*{disarm(account.login, MOST_IN_NAME)}*" for account in accounts])


def _link(text: str, address: str) -> dict[str, object]:
    return {**button(text, OPEN, "identity"), "url": address}
