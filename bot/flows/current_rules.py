"""The rules of repositories, with the logins that their people have now. Uses the ambient database.

A login in a rule means the account that had it when the rule was applied. People rename their accounts, and
others may take the old names, so the rules follow the numeric id.
"""

from collections.abc import Iterable

from bot.assignment.config import RepositoryConfig, replace_logins
from bot.assignment.store import StoredConfig, find_config, list_configs
from bot.model import AccountId, WorkspaceId
from bot.people.store import list_accounts, list_logins


async def find_rules(workspace_id: WorkspaceId, full_name: str) -> RepositoryConfig | None:
    """The rules of a repository, by its name in any case."""
    stored = await find_config(workspace_id, full_name)
    if stored is None:
        return None
    return _follow(stored, await list_logins(workspace_id, stored.accounts.values()))


async def list_rules(workspace_id: WorkspaceId) -> dict[str, RepositoryConfig]:
    """By the repository's name in lower case."""
    configs = await list_configs(workspace_id)
    accounts = {account for stored in configs.values() for account in stored.accounts.values()}
    logins = await list_logins(workspace_id, accounts)
    return {name: _follow(stored, logins) for name, stored in configs.items()}


async def list_accounts_by_login(workspace_id: WorkspaceId) -> dict[str, AccountId]:
    """The account that each login in a rule means, by login in lower case.

    These are the logins of all mapped accounts, and the earlier ones that rules still name, unless another
    account has taken such a name.
    """
    mapped = await list_accounts(workspace_id)
    still_mapped = {account.id for account in mapped}
    former = _former_logins((await list_configs(workspace_id)).values())
    current = {account.login.lower(): account.id for account in mapped}
    return {login: account for login, account in former.items() if account in still_mapped} | current


def _former_logins(configs: Iterable[StoredConfig]) -> dict[str, AccountId]:
    return {login: account for stored in configs for login, account in stored.accounts.items()}


def _follow(stored: StoredConfig, logins: dict[AccountId, str]) -> RepositoryConfig:
    """An account that is not mapped any more keeps the login that the rules gave it."""
    renamed = {name: logins[account] for name, account in stored.accounts.items() if account in logins}
    return replace_logins(stored.config, renamed)
