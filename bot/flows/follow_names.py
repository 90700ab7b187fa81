"""Follows new names: the rules of a renamed repository move with it, and people keep theirs.

GitHub's numeric ids stay the same when a repository or an account is renamed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.assignment.store import move_config
from bot.flows.catalog import remind_reviewer_job
from bot.flows.open_requests import list_open_request_ids_of_repository
from bot.github.model import Account
from bot.model import AccountId, PersonId, WorkspaceId
from bot.people.store import AccountKey, NamedAccount, Rename, list_named_accounts, rename_accounts
from bot.reviews.model import ReviewRequest
from bot.reviews.names import rename_reviewers
from jobq import Job

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\[bot\])?")


async def follow_rename(workspace_id: WorkspaceId, old_name: str, new_name: str) -> list[Job]:
    """Moves the rules of a repository that is stored under its new name. Returns the jobs to save.

    Its DMs show the old name, and rules that the new name had already may set another rhythm, so the
    reminders of every open request are decided again.
    """
    await move_config(workspace_id, old_name, new_name)
    request_ids = await list_open_request_ids_of_repository(workspace_id, new_name)
    return [remind_reviewer_job(request_id) for request_id in request_ids]


class Sighting(NamedTuple):
    """Accounts as GitHub showed them `at` its time, and the open requests of the same pull request."""

    workspace_id: WorkspaceId
    accounts: Sequence[Account]
    requests: Sequence[ReviewRequest]
    at: datetime

    @property
    def logins(self) -> dict[AccountId, str]:
        """Without texts that cannot be a login, such as those with replaced characters."""
        return {each.id: each.login for each in self.accounts if LOGIN.fullmatch(each.login)}


async def follow_logins(sightings: Sequence[Sighting]) -> list[dict[AccountId, PersonId]]:
    """Stores the logins that GitHub used, for mapped accounts and in the open requests.

    Returns for each sighting the owners of its accounts that are mapped.
    """
    keys = [(seen.workspace_id, account_id) for seen in sightings for account_id in seen.logins]
    accounts = await list_named_accounts(keys) if keys else {}
    if renames := choose_logins(accounts, sightings):
        await rename_accounts(renames)
    renamed = {
        request.id: seen.logins[request.reviewer_id]
        for seen in sightings
        for request in seen.requests
        if seen.logins.get(request.reviewer_id, request.reviewer_login) != request.reviewer_login
    }
    if renamed:
        await rename_reviewers(renamed)
    return [_owners(accounts, seen) for seen in sightings]


def choose_logins(
    accounts: Mapping[AccountKey, NamedAccount], sightings: Iterable[Sighting]
) -> tuple[Rename, ...]:
    """The renames that come of these sightings, one after the other: an older one changes nothing."""
    current, renames = dict(accounts), dict[AccountKey, Rename]()
    for seen in sightings:
        for account_id, login in seen.logins.items():
            key = (seen.workspace_id, account_id)
            stored = current.get(key)
            if stored is None or stored.login == login:
                continue
            if stored.renamed_at is None or stored.renamed_at <= seen.at:
                current[key] = stored._replace(login=login, renamed_at=seen.at)
                renames[key] = Rename(seen.workspace_id, account_id, login, seen.at)
    return tuple(renames.values())


def _owners(accounts: Mapping[AccountKey, NamedAccount], seen: Sighting) -> dict[AccountId, PersonId]:
    owned = ((account_id, accounts.get((seen.workspace_id, account_id))) for account_id in seen.logins)
    return {account_id: account.person_id for account_id, account in owned if account is not None}
