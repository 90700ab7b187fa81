"""Whether those who are to review can be reached, as far as the database knows."""

from collections.abc import Sequence

from bot.doctor.model import Finding, ok, warning
from bot.doctor.parts import Parts
from bot.github.store import find_first_workspace
from bot.reviewers import store
from bot.reviewers.config import logins_of

UNMAPPED, GONE = "people.unmapped", "people.deactivated"
MOST_NAMED = 10


async def check_unmapped(parts: Parts) -> Sequence[Finding]:
    """Reviewers, and those whom rules name, of whom nobody knows who they are in Slack."""
    with parts.load_database().ambient():
        workspace_id = await find_first_workspace()
        mapped = {account.login.lower() for account in await store.list_accounts(workspace_id)}
        waiting = dict(await store.list_unmapped_reviewers(workspace_id))
        configs = await store.list_configs(workspace_id)
    named = {login for config in configs.values() for login in logins_of(config)}
    asked = {login.lower() for login in waiting}
    ruled = sorted(named - mapped - asked)
    if not waiting and not ruled:
        return [
            ok(UNMAPPED, f"everybody who is asked or named in rules is connected ({len(mapped)} accounts)")
        ]
    told = [f"{login} ({reviews} waiting)" for login, reviews in waiting.items()]
    told += [f"{login} (named in rules)" for login in ruled]
    return [
        warning(
            UNMAPPED,
            f"not connected to Slack, so they get no DM: {_some(told)}",
            "Connect them: `ripe people import FILE` with the columns github_login and slack_id or email.",
        )
    ]


async def check_gone(parts: Parts) -> Sequence[Finding]:
    """People whose Slack account was deactivated, and who are still connected."""
    with parts.load_database().ambient():
        workspace_id = await find_first_workspace()
        people = await store.list_people(workspace_id)
        accounts = await store.list_accounts(workspace_id)
    gone = {person.id for person in people if not person.is_active}
    logins = [account.login for account in accounts if account.person_id in gone]
    if not logins:
        return [ok(GONE, "nobody who is connected")]
    return [
        warning(
            GONE,
            f"deactivated in Slack: {_some(logins)}",
            "Take them out of the rules (`ripe config apply FILE`), or connect them to who they are now.",
        )
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"
