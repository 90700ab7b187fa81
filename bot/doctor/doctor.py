"""Examines a bot: all checks run at once, each within its time, and are listed in one order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import asyncpg

from bot.doctor import (
    accounts,
    belief,
    database,
    github,
    obstacles,
    people,
    queue,
    repositories,
    settings,
    slack,
    webhooks,
)
from bot.doctor.model import CheckSkippedError, Finding, failed, skipped
from bot.doctor.ports import DoctorPorts
from bot.logs import hide_secrets_in
from jobq import DatabaseUnavailableError

WITHIN = 15.0
"""Seconds for one check. Its own requests give up sooner."""


@dataclass(frozen=True)
class Check:
    """`run` returns findings named in `names`. `trouble` is the fix to suggest if it returns none."""

    names: tuple[str, ...]
    run: Callable[[DoctorPorts], Awaitable[Sequence[Finding]]]
    trouble: str


_DATABASE = "See that Postgres runs and is not overloaded, and what its log says."
_GITHUB = "See that this machine reaches GITHUB_API_URL, and try again."
_SLACK = "See that this machine reaches SLACK_API_URL, and try again."

OPERATIONS = (
    Check((database.REACHABLE, database.VERSION), database.check_reachable, _DATABASE),
    Check((database.DIRECT,), database.check_direct, _DATABASE),
    Check((database.RIGHTS,), database.check_rights, _DATABASE),
    Check((database.MIGRATIONS,), database.check_migrations, _DATABASE),
    Check((database.CLOCK,), database.check_clock, _DATABASE),
    Check((queue.LAG,), queue.check_lag, _DATABASE),
    Check((queue.DEAD,), queue.check_dead, _DATABASE),
    Check((queue.REJECTED,), queue.check_rejected, _DATABASE),
    Check((queue.PAUSED,), queue.check_paused, _DATABASE),
)
"""The checks that ask Postgres only, not GitHub or Slack."""

CHECKS = (
    Check(settings.NAMES, settings.check_settings, "Compare the settings with .env.example."),
    *OPERATIONS,
    Check((repositories.RULES,), repositories.check_rules, _DATABASE),
    Check((people.UNMAPPED,), people.check_unmapped, _DATABASE),
    Check((people.GONE, people.GUESTS), people.check_profiles, _DATABASE),
    Check((people.UNHEARD,), people.check_unheard, _DATABASE),
    Check((github.APP, github.PERMISSIONS, github.EVENTS, github.CONTENTS), github.check_app, _GITHUB),
    Check((accounts.ACCOUNTS,), accounts.check_accounts, _DATABASE),
    Check((github.INSTALLATIONS,), github.check_installations, _GITHUB),
    Check((webhooks.HOOK,), webhooks.check_hook, _GITHUB),
    Check((webhooks.DELIVERIES,), webhooks.check_deliveries, _GITHUB),
    Check((belief.MISSED,), belief.check_missed, _GITHUB),
    Check((belief.BELIEF,), belief.check_belief, _GITHUB),
    Check((belief.COMPARISON,), belief.check_comparison, _DATABASE),
    Check((webhooks.POLLING,), webhooks.check_polling, _DATABASE),
    Check((github.PATHS,), github.check_paths, _GITHUB),
    Check((obstacles.GITHUB, obstacles.SLACK), obstacles.check_obstacles, _DATABASE),
    Check((slack.TOKEN, slack.SCOPES), slack.check_token, _SLACK),
    Check((slack.CONNECTION,), slack.check_connection, _SLACK),
)


async def examine(
    ports: DoctorPorts, checks: Sequence[Check] = CHECKS, within: float = WITHIN
) -> list[Finding]:
    """The findings of `checks` in order. A check that hangs or fails becomes a finding and raises nothing."""
    tasks = [asyncio.ensure_future(check.run(ports)) for check in checks]
    # Not wait_for: a cancelled query waits for the server, which may be the one that is stuck.
    _, late = await asyncio.wait(tasks, timeout=within)
    for task in late:
        task.add_done_callback(_ignore_outcome)
        task.cancel()
    return [
        finding
        for check, task in zip(checks, tasks, strict=True)
        for finding in _findings_of(check, task, within)
    ]


def examine_unreadable(error: Exception) -> list[Finding]:
    """All that can be said when the settings cannot be read."""
    names = list(chain.from_iterable(check.names for check in CHECKS))
    return [settings.judge_unusable(error), *_skip(names[1:], "needs the settings")]


def _findings_of(check: Check, task: asyncio.Future[Sequence[Finding]], within: float) -> list[Finding]:
    first, *others = check.names
    if not task.done():
        return [failed(first, f"no answer in {within:g} s", check.trouble), *_skip(others, "no answer")]
    if (error := task.exception()) is None:
        made = {finding.check: finding for finding in task.result()}
        return [made.get(name) or skipped(name, f"needs {first}") for name in check.names]
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return _skip(check.names, f"needs {database.MIGRATIONS}")
    if isinstance(error, CheckSkippedError):
        return _skip(check.names, str(error))
    return [failed(first, _describe(error), check.trouble), *_skip(others, f"needs {first}")]


def _ignore_outcome(task: asyncio.Future[Sequence[Finding]]) -> None:
    """Take the error of a late check, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()


def _describe(error: BaseException) -> str:
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, DatabaseUnavailableError) else f"{type(error).__name__}: "
    return hide_secrets_in(f"{kind}{text}")


def _skip(names: Iterable[str], why: str) -> list[Finding]:
    return [skipped(name, why) for name in names]
