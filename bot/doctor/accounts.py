"""Lists the GitHub accounts that wait for an admin, and those that were refused."""

from collections.abc import Sequence

from bot.doctor.model import Finding, name_some, ok, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.workspaces import list_present_workspaces
from bot.github.access import AccessState, AccountAccess, list_access

ACCOUNTS = "github.accounts"


async def check_accounts(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether somebody has installed the App on an account for which no admin has answered yet."""
    with ports.load_database().ambient():
        listed = [access for each in await list_present_workspaces() for access in await list_access(each)]
    waiting = _names(listed, AccessState.WAITING)
    refused = _names(listed, AccessState.REFUSED)
    others = f"; refused: {name_some(refused)}" if refused else ""
    if not waiting:
        allowed = name_some(_names(listed, AccessState.ALLOWED)) or "none yet"
        return [ok(ACCOUNTS, f"allowed: {allowed}{others}")]
    return [
        warning(
            ACCOUNTS,
            f"the App was installed on accounts that wait for an admin, so nothing of them is sent:"
            f" {name_some(waiting)}{others}",
            "`ripe accounts allow LOGIN` if you know the account; otherwise `ripe accounts refuse LOGIN`.",
        )
    ]


def _names(listed: Sequence[AccountAccess], state: AccessState) -> list[str]:
    return list(dict.fromkeys(access.login for access in listed if access.state is state))
