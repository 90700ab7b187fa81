"""Checks and applies the configuration file: `ripe config check | apply`."""

from collections.abc import Mapping
from datetime import datetime

from bot.assignment.config import RepositoryConfig, logins_of, replace_logins
from bot.assignment.config_file import parse_config
from bot.assignment.store import save_config
from bot.flows.catalog import remind_reviewer_job
from bot.flows.current_rules import list_accounts_by_login, list_rules
from bot.flows.open_requests import list_open_request_ids_of_repository
from bot.github.store import list_repository_names
from bot.model import AccountId, Problem, Value, WorkspaceId
from bot.people.store import list_logins
from jobq import Queue, write_transaction


class ConfigReport(Value):
    """The changes that a file would make or has made. Names of repositories are in lower case.

    Repositories in `kept` have rules but are not in the file, so their rules stay.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    is_applied: bool = False

    @property
    def is_ok(self) -> bool:
        return not self.problems

    def lines(self) -> list[str]:
        """The report to print: problems first, each with its line."""
        if self.problems:
            return [*map(str, self.problems), _count(len(self.problems)) + ": nothing was changed."]
        lines = [f"{note} (no effect)" for note in self.notes]
        lines += [
            f"{name}: {word}" for word in ("added", "changed", "unchanged") for name in getattr(self, word)
        ]
        lines += [f"{name}: not in this file, stays as it is" for name in self.kept]
        return [
            *lines,
            "Applied." if self.is_applied else "No problems. Nothing was changed: this was a check.",
        ]


def _count(problems: int) -> str:
    return f"{problems} problem{'' if problems == 1 else 's'}"


async def check_config(text: str, workspace_id: WorkspaceId) -> ConfigReport:
    """Lists every problem of a file and the changes it would make. Writes nothing."""
    report, _ = await _compare(text, workspace_id, await list_accounts_by_login(workspace_id))
    return report


@write_transaction
async def apply_config(text: str, workspace_id: WorkspaceId, *, queue: Queue, now: datetime) -> ConfigReport:
    """Applies a file that has no problems. Repositories that it does not name keep their rules.

    New rules hold for later pull requests; the reminders of open reviews are decided anew at once.
    """
    accounts = await list_accounts_by_login(workspace_id)
    report, config = await _compare(text, workspace_id, accounts)
    if config is None:
        return report
    for name in (*report.added, *report.changed):
        named = {login: accounts[login] for login in logins_of(config[name])}
        await save_config(workspace_id, name, config[name], now, named)
        waiting = await list_open_request_ids_of_repository(workspace_id, name)
        await queue.save_all(remind_reviewer_job(request_id) for request_id in waiting)
    return report.model_copy(update={"is_applied": True})


async def _compare(
    text: str, workspace_id: WorkspaceId, accounts: Mapping[str, AccountId]
) -> tuple[ConfigReport, dict[str, RepositoryConfig] | None]:
    repositories = await list_repository_names(workspace_id)
    file = parse_config(text, accounts, repositories)
    if file.config is None:
        return ConfigReport(problems=file.problems), None
    logins = await list_logins(workspace_id, accounts.values())
    current = {named: logins[account] for named, account in accounts.items()}
    new = {name.lower(): replace_logins(it, current) for name, it in file.config.repositories.items()}
    old = await list_rules(workspace_id)
    return ConfigReport(
        problems=(),
        notes=file.notes,
        added=tuple(name for name in new if name not in old),
        changed=tuple(name for name in new if name in old and new[name] != old[name]),
        unchanged=tuple(name for name in new if new[name] == old.get(name)),
        kept=tuple(name for name in old if name not in new),
    ), new
