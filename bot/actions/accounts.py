"""An admin allows or refuses a GitHub account: `/reviews admin allow acme`, `ripe accounts allow acme`."""

from collections.abc import Sequence
from datetime import datetime

from bot.flows.account_access import allow, refuse
from bot.github.access import AccessState, AccountAccess, list_access, lock_decisions
from bot.model import UserError, WorkspaceId
from bot.slack.accounts import ALLOW, REFUSE, WaitingAccount, render_buttons
from bot.slack.escape import disarm
from bot.slack.messages import MOST_IN_NAME, Block, Rendered, render_text
from jobq import Queue, write_transaction

ACCOUNTS = "accounts"
WORDS = (ACCOUNTS, ALLOW, REFUSE)
"""Words of `/reviews admin` that are about accounts."""
MOST_SHOWN = 20


@write_transaction
async def decide_about_account(
    workspace_id: WorkspaceId, word: str, named: str, by: str, *, queue: Queue, now: datetime
) -> str:
    """Allows (or refuses) an account by its login or, as `id:123`, its number. Returns a sentence about it.

    `by` is the admin's name. Raises UserError.
    """
    await lock_decisions()
    access = await _find(workspace_id, named)
    name = f"*{disarm(access.login, MOST_IN_NAME)}*"
    if word == ALLOW:
        if access.state is AccessState.ALLOWED:
            raise UserError(f"Ripe works for {name} already.")
        await allow(access, by, queue, now)
        return (
            f"Ripe works for {name} from now on. It reads the pull requests that are open there. Nobody gets"
            " a DM about each: every reviewer gets one list when their next working day begins."
        )
    if access.state is AccessState.REFUSED:
        raise UserError(f"{name} was refused already.")
    await refuse(access, by, queue, now)
    return f"Ripe does nothing for {name}. `/reviews admin allow {access.login}` changes that."


async def _find(workspace_id: WorkspaceId, named: str) -> AccountAccess:
    listed = await list_access(workspace_id)
    number = named.removeprefix("id:")
    if number != named:
        matching = [access for access in listed if str(access.account_id) == number]
    else:
        matching = [access for access in listed if access.login.lower() == named.lower()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        # One of them was renamed, and the other took its name.
        numbers = ", ".join(f"`id:{access.account_id}`" for access in matching)
        raise UserError(f"Several accounts had that name. Name it by its number on GitHub: {numbers}.")
    waiting = [access for access in listed if access.state is AccessState.WAITING]
    names = ", ".join(disarm(access.login, MOST_IN_NAME) for access in waiting[:MOST_SHOWN]) or "nobody"
    raise UserError(f"Ripe is not installed on “{disarm(named, MOST_IN_NAME)}”. Waiting now: {names}.")


async def answer_about_accounts(
    workspace_id: WorkspaceId, word: str, named: str, by: str, *, queue: Queue, now: datetime
) -> Rendered:
    """Carries out an admin's word and its account. `accounts` lists all. Raises UserError."""
    if word == ACCOUNTS:
        lines = [_describe(access) for access in (await list_access(workspace_id))[:MOST_SHOWN]]
        shown = render_text("\n".join(lines) or "The Ripe App is not installed on any GitHub account yet.")
        return Rendered(blocks=(*shown.blocks, *await show_waiting(workspace_id)), text=shown.text)
    if not named:
        raise UserError(f"Which GitHub account? Such as `/reviews admin {word} acme`.")
    return render_text(await decide_about_account(workspace_id, word, named, by, queue=queue, now=now))


async def show_waiting(workspace_id: WorkspaceId) -> Sequence[Block]:
    """The accounts that wait, each with its buttons; nothing if there is none."""
    return render_buttons(
        [
            WaitingAccount(id=access.account_id, login=access.login)
            for access in await list_access(workspace_id)
            if access.state is AccessState.WAITING
        ]
    )


async def describe_accounts(workspace_id: WorkspaceId) -> list[str]:
    """A line for each account, for the operator."""
    listed = await list_access(workspace_id)
    return [f"{access.login} ({access.account_id}): {_state(access)}" for access in listed] or [
        "The App is not installed on any GitHub account yet."
    ]


def _describe(access: AccountAccess) -> str:
    return f"{disarm(access.login, MOST_IN_NAME)}: {disarm(_state(access), 100)}"


def _state(access: AccountAccess) -> str:
    by = f" by {access.decided_by}" if access.decided_by else ""
    return f"{access.state}{by} since {access.since:%Y-%m-%d}"
