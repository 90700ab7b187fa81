"""Decides for which GitHub accounts Ripe works: the first is allowed, every other one waits for an admin.

Anybody may install a public App. Until an admin allows the account, nothing of it is stored but its name.
"""

from datetime import datetime

import structlog

from bot.flows.account_forgetting import KEPT_FOR
from bot.flows.catalog import (
    compare_installation_job,
    enter_installation_job,
    forget_installation_job,
    tell_admin_of_accounts_job,
)
from bot.flows.repositories import leave_repositories
from bot.flows.workspaces import (
    find_only_workspace,
    find_workspace_of_installation,
    list_present_workspaces,
)
from bot.github import access as store
from bot.github.access import AccessState, AccountAccess
from bot.github.joining import give_stored_installation
from bot.github.model import Account, Fact, InstallationAction, InstallationFact, Ping, owner_of
from bot.github.store import list_installations_on, list_repository_ids, mark_installation
from bot.model import AccountId, InstallationId, UserError, WorkspaceId
from jobq import Job, Queue, current_database

log = structlog.get_logger()


async def admit(fact: Fact, queue: Queue, now: datetime) -> WorkspaceId | None:
    """The workspace of a fact whose installation belongs to none yet: None unless its account is the first.

    Otherwise the account waits. Call it in a transaction, if `find_workspace_of_installation` found none.
    """
    if isinstance(fact, Ping):
        return None
    await store.lock_decisions()
    account = owner_of(fact)
    decided = await find_workspace_of_installation(fact.installation_id, account.id if account else None)
    if decided is not None:
        return decided  # while this waited for the lock, for example by the fact before it
    only_id = await find_only_workspace()
    if only_id is not None and await store.is_first_account():
        if account is not None:
            await store.allow_account(only_id, account, now)
        return only_id
    if account is None:
        await queue.save(compare_installation_job(fact.installation_id, is_whole=False))
    elif isinstance(fact, InstallationFact) and fact.action is InstallationAction.DELETED:
        await store.forget_waiting(account.id)
    else:
        await _wait(account, fact.installation_id, _installer_of(fact), queue, now)
    return None


def _installer_of(fact: Fact) -> AccountId | None:
    if isinstance(fact, InstallationFact) and fact.action is InstallationAction.CREATED and fact.sender:
        return fact.sender.id
    return None


async def _wait(
    account: Account,
    installation_id: InstallationId,
    installed_by: AccountId | None,
    queue: Queue,
    now: datetime,
) -> None:
    """The workspace of the person who installed it decides, if we know one; else every workspace."""
    theirs = await _list_workspaces_of(installed_by) if installed_by is not None else ()
    if theirs:
        await store.forget_waiting(account.id, except_in=theirs)
    workspace_ids = theirs or await store.list_asked_workspaces(account.id) or await list_present_workspaces()
    unaware = await store.note_waiting(workspace_ids, account, installation_id, now, installed_by)
    await queue.save_all(map(tell_admin_of_accounts_job, unaware))
    for workspace_id in unaware:
        log.warning("a GitHub account waits for an admin", workspace_id=workspace_id, account_id=account.id)


async def _list_workspaces_of(account_id: AccountId) -> tuple[WorkspaceId, ...]:
    """The workspaces in which a GitHub account is linked to a person."""
    rows = await current_database().fetch(
        """
        SELECT workspace_id FROM account JOIN workspace ON workspace.id = workspace_id
        WHERE account.id = $1 AND gone_at IS NULL ORDER BY workspace_id
        """,
        account_id,
    )
    return tuple(WorkspaceId(row["workspace_id"]) for row in rows)


async def allow(access: AccountAccess, by: str, queue: Queue, now: datetime) -> None:
    """The workspace works for an account, and reads what is open there. Nobody gets a DM about each of that.

    Call it in a transaction, after lock_decisions. `by` names the admin. Raises UserError if the installation
    belongs to another workspace.
    """
    account = Account(id=access.account_id, login=access.login)
    await store.allow_account(access.workspace_id, account, now, by)
    if (installation_id := access.installation_id) is not None:
        if not await give_stored_installation(access.workspace_id, installation_id, account):
            raise UserError(
                "Another Slack workspace has this installation. It is free a day after that workspace"
                " refuses the account, or removes Ripe."
            )
        await queue.save_all(
            [
                enter_installation_job(installation_id),
                compare_installation_job(installation_id, is_whole=False),
            ]
        )
    log.warning(
        "GitHub account allowed", workspace_id=access.workspace_id, account_id=access.account_id, by=by
    )


async def refuse(access: AccountAccess, by: str, queue: Queue, now: datetime) -> None:
    """The workspace does not work for an account. If it did, its DMs are struck; then it is forgotten.

    Call it in a transaction, after lock_decisions.
    """
    await store.refuse_account(access.workspace_id, access.account_id, now, by)
    jobs: list[Job] = []
    if access.state is AccessState.ALLOWED:
        for installation_id in await list_installations_on(access.workspace_id, access.account_id):
            await store.keep_installation(access.workspace_id, access.account_id, installation_id)
            await mark_installation(installation_id, deleted_at=now)
            jobs += await leave_repositories(installation_id, await list_repository_ids(installation_id), now)
            jobs.append(forget_installation_job(installation_id).runs_at(now + KEPT_FOR))
    await queue.save_all(jobs)
    log.warning(
        "GitHub account refused", workspace_id=access.workspace_id, account_id=access.account_id, by=by
    )
