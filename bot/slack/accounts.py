"""Renders messages about GitHub accounts: those that wait for an admin, and those that got another owner."""

from collections.abc import Sequence

from bot.model import Value
from bot.slack.escape import disarm
from bot.slack.messages import MOST_IN_NAME, Block, Rendered, button, context, render_text, section

MOST_ASKED = 5
"""Accounts with buttons in one message."""
ALLOW, REFUSE = "allow", "refuse"
"""Words of `/reviews admin`. An account follows: its login or, on a button, `id:` and its number."""


class WaitingAccount(Value):
    """A GitHub account that waits, and the login of the person who installed the App, if that is known."""

    id: int
    login: str


def render_waiting(waiting: Sequence[WaitingAccount]) -> Rendered:
    """Asks an admin about the accounts that wait. Only the first few have buttons."""
    names = ", ".join(_name(account) for account in waiting[:MOST_ASKED])
    headline = "A GitHub account waits" if len(waiting) == 1 else f"{len(waiting)} GitHub accounts wait"
    intro = (
        f"*{headline} for your answer.* Somebody installed the Ripe App there. Ripe reads nothing of it and"
        " sends nobody a DM about it until you allow it. Allow only an account that you know."
    )
    return Rendered(blocks=(section(intro), *render_buttons(waiting)), text=f"{headline}: {names}")


def render_buttons(waiting: Sequence[WaitingAccount]) -> list[Block]:
    """Each account with its two buttons."""
    blocks: list[Block] = []
    for account in waiting[:MOST_ASKED]:
        blocks += [section(f"{_name(account)} on GitHub"), _buttons(account)]
    if len(waiting) > MOST_ASKED:
        blocks.append(context(f"and {len(waiting) - MOST_ASKED} more: `/reviews admin accounts`"))
    return blocks


def render_moved(login: str, name: str, slack_user_id: str, *, is_connected: bool) -> Rendered:
    """Tells the owner of an account that somebody else connected it in Slack, or tried to."""
    account, who = disarm(login, MOST_IN_NAME), f"*{disarm(name, MOST_IN_NAME)}* (<@{slack_user_id}>)"
    happened = (
        f"The GitHub account *{account}* is now connected with {who} in Slack, who gets its reviews."
        if is_connected
        else f"Somebody tried to connect the GitHub account *{account}* with {who} in Slack. Nothing changed."
    )
    return render_text(
        f"{happened} You hear of it because this account is or was yours. Was that not you? Tell an admin of"
        " this Slack workspace, and sign out everywhere on GitHub (Settings, Sessions)."
    )


def _buttons(account: WaitingAccount) -> Block:
    elements = [
        button(text, f"admin:{word}:{account.id}", f"{word} id:{account.id}")
        for text, word in (("Allow", ALLOW), ("Refuse", REFUSE))
    ]
    return {"type": "actions", "elements": elements}


def _name(account: WaitingAccount) -> str:
    return f"*{disarm(account.login, MOST_IN_NAME) or 'An account without a name'}*"
