"""Whether GitHub knows the App and grants it what Ripe needs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bot.doctor.model import CheckSkippedError, Finding, State, failed, ok, skipped, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.visibility import Address, find_address
from bot.github.access import list_unallowed_accounts
from bot.github.inspection import (
    ListedInstallation,
    Registration,
    count_repositories,
    list_installations,
    load_registration,
)
from bot.github.model import AccessLostError, NotFoundError, PathsRefusedError
from bot.model import PullRequestId
from jobq import Database, Postpone

if TYPE_CHECKING:
    from bot.github.gateway import GitHubGateway

APP, PERMISSIONS, EVENTS, CONTENTS = "github.app", "github.permissions", "github.events", "github.contents"
INSTALLATIONS, PATHS = "github.installations", "github.paths"

NEEDED = {"metadata": "read", "pull_requests": "read"}
"""The profile *notify*. Without these permissions nothing works."""
FOR_ASSIGNING = {"pull_requests": "write", "members": "read"}
"""The profile *assign* adds these. Without them Ripe cannot ask for reviews or see who is in a team."""
NEEDED_EVENTS = ("pull_request", "pull_request_review")
MOST_TRIED = 20
"""Installations for which a token is tried."""

_LEVELS = ("read", "write", "admin")
_NEWEST = """
    SELECT id FROM pull_request ORDER BY state = 'open' DESC, created_at DESC, id DESC LIMIT 20
"""


def describe_outage(error: Postpone) -> tuple[str, str]:
    """The detail and the fix of a finding about a GitHub that gives no answer."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    detail = f"GitHub answers {status}" if status else f"GitHub cannot be reached ({type(cause).__name__})"
    return detail, "See that this machine reaches GITHUB_API_URL, and what https://www.githubstatus.com says."


async def check_app(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the credentials are right, and what the App asks its owners for."""
    try:
        app = await load_registration(ports.load_github())
    except AccessLostError as error:
        return [judge_refusal(str(error))]
    except NotFoundError:
        return [failed(APP, "GitHub knows no such App", "Set GITHUB_APP_ID to the number on the App's page.")]
    except Postpone as error:
        return [failed(APP, *describe_outage(error))]
    polls = ports.settings.github_poll
    events = ok(EVENTS, "none are needed: GITHUB_POLL is set") if polls else judge_events(app)
    return [ok(APP, f"{app.name} is known"), judge_permissions(app), events, judge_contents(app)]


def judge_refusal(message: str) -> Finding:
    """Why GitHub refuses the App, by GitHub's `message`."""
    if "claim" in message:
        return failed(
            APP, f"GitHub refuses the token's time: {message}", "Set this machine's clock right (NTP)."
        )
    return failed(
        APP,
        f"GitHub refuses the credentials: {message}",
        "Set GITHUB_APP_ID to the App's number, and GITHUB_APP_PRIVATE_KEY to a key made on that App's page.",
    )


def judge_permissions(app: Registration) -> Finding:
    """Whether the App asks for the permissions that Ripe needs."""
    fix = f"Add them under Permissions & events at {app.html_url}; owners then have to accept."
    return _judge_permissions(PERMISSIONS, app.permissions, "the App does not ask for", fix) or ok(
        PERMISSIONS, ", ".join(f"{name}: {level}" for name, level in sorted(app.permissions.items()))
    )


def judge_events(app: Registration) -> Finding:
    """Whether the App subscribes to the events that Ripe needs."""
    missing = [event for event in NEEDED_EVENTS if event not in app.events]
    if missing:
        return failed(
            EVENTS,
            f"GitHub does not send {', '.join(missing)} to the App",
            f"Subscribe to {' and '.join(missing)} under Permissions & events at {app.html_url}.",
        )
    return ok(EVENTS, ", ".join(sorted(app.events)))


def judge_contents(app: Registration) -> Finding:
    """Whether the App has access to code, which Ripe never needs."""
    if "contents" in app.permissions:
        return warning(
            CONTENTS,
            "the App may read code, which Ripe never does",
            f"Set Contents to 'No access' under Permissions & events at {app.html_url}.",
        )
    return ok(CONTENTS, "the App has no access to code")


async def check_installations(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether each installation may be used, and has granted what Ripe needs."""
    github = ports.load_github()
    try:
        installations = await list_installations(github)
    except AccessLostError:
        return [skipped(INSTALLATIONS, f"needs {APP}")]
    except Postpone as error:
        return [failed(INSTALLATIONS, *describe_outage(error))]
    installations = await _leave_out_strangers(installations, ports)
    if not installations:
        return [failed(INSTALLATIONS, "none", "Install the App on an account, from its page on GitHub.")]
    judged = await asyncio.gather(
        *(_judge_installation(github, installation) for installation in installations[:MOST_TRIED])
    )
    problems = [finding for finding in judged if finding is not None]
    if not problems:
        return [ok(INSTALLATIONS, ", ".join(installation.login for installation in installations))]
    return [_merge(problems)]


async def _leave_out_strangers(
    installations: tuple[ListedInstallation, ...], ports: DoctorPorts
) -> tuple[ListedInstallation, ...]:
    """Without those on accounts that no admin has allowed, which another check lists."""
    if len(installations) < 2 or ports.database is None:
        return installations
    with ports.database.ambient():
        unallowed = await list_unallowed_accounts()
    return tuple(each for each in installations if each.account is None or each.account.id not in unallowed)


def _merge(problems: Sequence[Finding]) -> Finding:
    """One finding for all, with the worst first."""
    worst_first = sorted(problems, key=lambda finding: finding.state is not State.FAILED)
    return worst_first[0].model_copy(
        update={
            "detail": "; ".join(finding.detail for finding in worst_first),
            "fix": " ".join(dict.fromkeys(finding.fix for finding in worst_first)),
        }
    )


async def _judge_installation(github: "GitHubGateway", installation: ListedInstallation) -> Finding | None:
    """A finding about the first problem of this installation; None if it has none."""
    login, page = installation.login, installation.html_url
    if installation.suspended_at is not None:
        return failed(
            INSTALLATIONS,
            f"{login}: suspended since {installation.suspended_at:%Y-%m-%d}",
            f"An owner of {login} can unsuspend it at {page}.",
        )
    fix = f"An owner of {login} has to accept them at {page}."
    lacking = _judge_permissions(INSTALLATIONS, installation.permissions, f"{login}: has not granted", fix)
    return lacking or await _try_token(github, installation)


async def _try_token(github: "GitHubGateway", installation: ListedInstallation) -> Finding | None:
    login, page = installation.login, installation.html_url
    try:
        repositories = await count_repositories(github, installation.id)
    except (AccessLostError, NotFoundError) as error:
        return failed(
            INSTALLATIONS,
            f"{login}: GitHub refuses ({error})",
            f"An owner of {login} should look at {page}, or install the App again.",
        )
    except Postpone as error:
        return failed(INSTALLATIONS, *describe_outage(error))
    if not repositories:
        return warning(
            INSTALLATIONS,
            f"{login}: no repository is selected",
            f"An owner of {login} can select some at {page}.",
        )
    return None


def _judge_permissions(check: str, granted: Mapping[str, str], problem: str, fix: str) -> Finding | None:
    """None: all that is needed is there. `problem` comes before the permissions that are missing."""
    if lacking := _lacking(granted, NEEDED):
        return failed(check, f"{problem} {lacking}, without which nothing works", fix)
    if lacking := _lacking(granted, FOR_ASSIGNING):
        return warning(check, f"{problem} {lacking}, so Ripe reminds but cannot ask for reviews", fix)
    return None


def _lacking(granted: Mapping[str, str], needed: Mapping[str, str]) -> str:
    missing = [f"{name}: {level}" for name, level in needed.items() if not _allows(granted.get(name), level)]
    return ", ".join(missing)


def _allows(granted: str | None, level: str) -> bool:
    """Whether the granted level includes this one: `write` includes `read`."""
    return granted in _LEVELS and _LEVELS.index(granted) >= _LEVELS.index(level)


async def check_paths(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the paths of a pull request may be read, without its patches."""
    github, address = ports.load_github(), await _find_newest(ports.load_database())
    if address is None:
        raise CheckSkippedError("no pull request is known yet")
    name = f"{address.repository}#{address.number}"
    try:
        paths = await github.load_changed_paths(address.installation_id, address.repository, address.number)
    except PathsRefusedError as error:
        return [
            warning(
                PATHS,
                f"GitHub does not say which files {name} changes ({error}), so rules fall back",
                "Have the owner accept the permission 'Pull requests' on the installation's page on GitHub.",
            )
        ]
    except NotFoundError:
        return [skipped(PATHS, f"{name} is not there any more")]
    except AccessLostError:
        return [skipped(PATHS, f"needs {INSTALLATIONS}")]
    except Postpone as error:
        return [failed(PATHS, *describe_outage(error))]
    return [ok(PATHS, f"{name} changes {len(paths)} files")]


async def _find_newest(database: Database) -> Address | None:
    with database.ambient():
        for row in await database.fetch(_NEWEST):
            if (address := await find_address(PullRequestId(row["id"]))) is not None:
                return address
    return None
