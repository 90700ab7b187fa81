"""Whether GitHub knows the App, and lets it do what Ripe does."""

import asyncio
from collections.abc import Mapping, Sequence

from bot.doctor.model import Finding, Skipped, State, failed, ok, skipped, warning
from bot.doctor.ports import DoctorPorts
from bot.flows.visibility import Address, find_address
from bot.github.gateway import GitHubGateway
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

APP, PERMISSIONS, EVENTS, CONTENTS = "github.app", "github.permissions", "github.events", "github.contents"
INSTALLATIONS, PATHS = "github.installations", "github.paths"

NEEDED = {"metadata": "read", "pull_requests": "read"}
"""Without these nothing works: the profile *notify*."""
FOR_ASSIGNING = {"pull_requests": "write", "members": "read"}
"""Without these Ripe reminds, but cannot ask for reviews or see who is in a team: the profile *assign*."""
NEEDED_EVENTS = ("pull_request", "pull_request_review")
MOST_TRIED = 20
"""Installations of which a token is tried."""

_LEVELS = ("read", "write", "admin")
_NEWEST = """
    SELECT id FROM pull_request ORDER BY state = 'open' DESC, created_at DESC, id DESC LIMIT 20
"""


def describe_outage(error: Postpone) -> tuple[str, str]:
    """What is the matter when GitHub gives no answer, and what to do."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    told = f"GitHub answers {status}" if status else f"GitHub cannot be reached ({type(cause).__name__})"
    return told, "See that this machine reaches GITHUB_API_URL, and what https://www.githubstatus.com says."


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


def judge_refusal(words: str) -> Finding:
    """`words` are GitHub's."""
    if "claim" in words:
        return failed(
            APP, f"GitHub refuses the token's time: {words}", "Set this machine's clock right (NTP)."
        )
    return failed(
        APP,
        f"GitHub refuses the credentials: {words}",
        "Set GITHUB_APP_ID to the App's number, and GITHUB_APP_PRIVATE_KEY to a key made on that App's page.",
    )


def judge_permissions(app: Registration) -> Finding:
    """What the App asks for."""
    fix = f"Add them under Permissions & events at {app.html_url}; owners then have to accept."
    return _judge_permissions(PERMISSIONS, app.permissions, "the App does not ask for", fix) or ok(
        PERMISSIONS, ", ".join(f"{name}: {level}" for name, level in sorted(app.permissions.items()))
    )


def judge_events(app: Registration) -> Finding:
    """What GitHub tells the App of."""
    missing = [event for event in NEEDED_EVENTS if event not in app.events]
    if missing:
        return failed(
            EVENTS,
            f"GitHub does not tell of {', '.join(missing)}",
            f"Subscribe to {' and '.join(missing)} under Permissions & events at {app.html_url}.",
        )
    return ok(EVENTS, ", ".join(sorted(app.events)))


def judge_contents(app: Registration) -> Finding:
    """Ripe never needs code: who grants it trusts us with more than we want."""
    if "contents" in app.permissions:
        return warning(
            CONTENTS,
            "the App may read code, which Ripe never does",
            f"Set Contents to 'No access' under Permissions & events at {app.html_url}.",
        )
    return ok(CONTENTS, "the App has no access to code")


async def check_installations(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether each may be used, and was granted what is needed."""
    github = ports.load_github()
    try:
        installations = await list_installations(github)
    except AccessLostError:
        return [skipped(INSTALLATIONS, f"needs {APP}")]
    except Postpone as error:
        return [failed(INSTALLATIONS, *describe_outage(error))]
    if not installations:
        return [failed(INSTALLATIONS, "none", "Install the App on an account, from its page on GitHub.")]
    found = await asyncio.gather(*(_judge_installation(github, one) for one in installations[:MOST_TRIED]))
    wrong = [finding for finding in found if finding is not None]
    if not wrong:
        return [ok(INSTALLATIONS, ", ".join(one.login for one in installations))]
    # One finding for all: the worst first.
    worst = sorted(wrong, key=lambda finding: finding.state is not State.FAILED)
    return [
        worst[0].model_copy(
            update={
                "detail": "; ".join(finding.detail for finding in worst),
                "fix": " ".join(dict.fromkeys(finding.fix for finding in worst)),
            }
        )
    ]


async def _judge_installation(github: GitHubGateway, one: ListedInstallation) -> Finding | None:
    """What is wrong with it."""
    if one.suspended_at is not None:
        return failed(
            INSTALLATIONS,
            f"{one.login}: suspended since {one.suspended_at:%Y-%m-%d}",
            f"An owner of {one.login} can unsuspend it at {one.html_url}.",
        )
    fix = f"An owner of {one.login} has to accept them at {one.html_url}."
    lacking = _judge_permissions(INSTALLATIONS, one.permissions, f"{one.login}: has not granted", fix)
    return lacking or await _try(github, one)


async def _try(github: GitHubGateway, one: ListedInstallation) -> Finding | None:
    try:
        seen = await count_repositories(github, one.id)
    except (AccessLostError, NotFoundError) as error:
        return failed(
            INSTALLATIONS,
            f"{one.login}: GitHub refuses ({error})",
            f"An owner of {one.login} should look at {one.html_url}, or install the App again.",
        )
    except Postpone as error:
        return failed(INSTALLATIONS, *describe_outage(error))
    if not seen:
        return warning(
            INSTALLATIONS,
            f"{one.login}: no repository is selected",
            f"An owner of {one.login} can select some at {one.html_url}.",
        )
    return None


def _judge_permissions(check: str, granted: Mapping[str, str], words: str, fix: str) -> Finding | None:
    """None: all that is needed is there."""
    if lacking := _lacking(granted, NEEDED):
        return failed(check, f"{words} {lacking}, without which nothing works", fix)
    if lacking := _lacking(granted, FOR_ASSIGNING):
        return warning(check, f"{words} {lacking}, so Ripe reminds but cannot ask for reviews", fix)
    return None


def _lacking(granted: Mapping[str, str], needed: Mapping[str, str]) -> str:
    missing = [f"{name}: {level}" for name, level in needed.items() if not _allows(granted.get(name), level)]
    return ", ".join(missing)


def _allows(held: str | None, level: str) -> bool:
    """Who may write may read."""
    return held in _LEVELS and _LEVELS.index(held) >= _LEVELS.index(level)


async def check_paths(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the paths of a pull request may be read, without its patches."""
    github, address = ports.load_github(), await _find_newest(ports.load_database())
    if address is None:
        raise Skipped("no pull request is known yet")
    name = f"{address.repository}#{address.number}"
    try:
        found = await github.load_changed_paths(address.installation_id, address.repository, address.number)
    except PathsRefusedError as error:
        return [
            warning(
                PATHS,
                f"GitHub does not tell which files {name} changes ({error}), so rules fall back",
                "Have the owner accept the permission 'Pull requests' on the installation's page on GitHub.",
            )
        ]
    except NotFoundError:
        return [skipped(PATHS, f"{name} is not there any more")]
    except AccessLostError:
        return [skipped(PATHS, f"needs {INSTALLATIONS}")]
    except Postpone as error:
        return [failed(PATHS, *describe_outage(error))]
    return [ok(PATHS, f"{name} changes {len(found.paths)} files")]


async def _find_newest(database: Database) -> Address | None:
    with database.ambient():
        for row in await database.fetch(_NEWEST):
            if (address := await find_address(PullRequestId(row["id"]))) is not None:
                return address
    return None
