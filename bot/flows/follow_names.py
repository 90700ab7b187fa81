"""Follows new names: the rules of a renamed repository move with it, and people keep theirs.

GitHub's numeric ids stay the same when a repository or an account is renamed.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.assignment.store import move_config
from bot.flows.catalog import remind_reviewer_job
from bot.flows.open_requests import list_open_request_ids_of_repository
from bot.github.model import Account
from bot.model import AccountId, PersonId, WorkspaceId
from bot.people.store import rename_accounts
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


async def follow_logins(
    workspace_id: WorkspaceId, seen: Iterable[Account], requests: Sequence[ReviewRequest], at: datetime
) -> dict[AccountId, PersonId]:
    """Stores the logins that GitHub used `at` its time, for mapped accounts and in these open requests.

    A text that cannot be a login, such as one with replaced characters, renames nobody. Returns the owners of
    the accounts that are mapped.
    """
    logins = {account.id: account.login for account in seen if LOGIN.fullmatch(account.login)}
    owners = await rename_accounts(workspace_id, logins, at)
    renamed = {
        request.id: logins[request.reviewer_id]
        for request in requests
        if logins.get(request.reviewer_id, request.reviewer_login) != request.reviewer_login
    }
    if renamed:
        await rename_reviewers(renamed)
    return owners
