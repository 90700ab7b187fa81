"""Whether we hear of what happens on GitHub."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.doctor.github import APP, describe_outage
from bot.doctor.model import CheckSkippedError, Finding, failed, ok, skipped, warning
from bot.doctor.ports import DoctorPorts
from bot.github.inspection import Attempt, Hook, list_last_attempts, load_hook
from bot.github.model import AccessLostError, NotFoundError
from bot.github.polling import POLL_EVERY, REPOSITORIES_A_POLL
from bot.settings import Settings
from jobq import Postpone

HOOK, DELIVERIES, POLLING = "github.webhook", "github.deliveries", "github.polling"
PATH = "/github/webhooks"

LATE = timedelta(minutes=5)
_POLLED = """
    SELECT coalesce(account_login, 'installation ' || installation_id) AS account, count(*) AS repositories,
        CASE WHEN bool_and(polled_at IS NOT NULL) THEN min(polled_at) END AS oldest
    FROM repository JOIN installation ON installation.id = installation_id
    WHERE removed_at IS NULL AND deleted_at IS NULL AND suspended_at IS NULL
    GROUP BY installation_id, account ORDER BY account
"""
_PAGE = "on the App's page on GitHub"
_FIXES: Mapping[int, str] = {
    0: "See that the web process runs and that GitHub can reach PUBLIC_URL from outside.",
    401: f"Set GITHUB_WEBHOOK_SECRET to the webhook secret {_PAGE}.",
    404: f"Set the webhook URL {_PAGE} to PUBLIC_URL{PATH}.",
    415: f"Set the webhook's content type {_PAGE} to application/json.",
}
_USUAL_FIX = "See the log of the web process, or of the proxy before it."


async def check_hook(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether GitHub posts to where we listen."""
    if ports.settings.github_poll:
        raise CheckSkippedError("GITHUB_POLL is set: GitHub is asked, and need not reach us")
    if ports.settings.public_url is None:
        raise CheckSkippedError("needs settings.public_url")
    try:
        hook = await load_hook(ports.load_github())
    except AccessLostError:
        return [skipped(HOOK, f"needs {APP}")]
    except NotFoundError:
        hook = Hook()
    except Postpone as error:
        return [failed(HOOK, *describe_outage(error))]
    return [judge_hook(hook, f"{ports.settings.public_url}{PATH}", ports.settings)]


def judge_hook(hook: Hook, wanted: str, settings: Settings) -> Finding:
    """Whether the webhook points to the address `wanted`, as JSON and with its certificate checked."""
    if hook.url.rstrip("/") != wanted:
        target = f"goes to {hook.url}, not to {wanted}" if hook.url else "is not set"
        return failed(HOOK, f"the webhook {target}", f"Set the webhook URL {_PAGE} to {wanted}.")
    if hook.content_type != "json":
        return failed(HOOK, f"its content type is {hook.content_type}", _FIXES[415])
    if hook.insecure_ssl != "0" and not settings.is_sandbox:
        return warning(
            HOOK,
            "GitHub does not check our certificate",
            f"Switch on SSL verification {_PAGE}, under Webhook.",
        )
    return ok(HOOK, hook.url)


async def check_deliveries(ports: DoctorPorts) -> Sequence[Finding]:
    """The round trip: whether the last webhooks arrived, as GitHub says."""
    if ports.settings.github_poll:
        raise CheckSkippedError("GITHUB_POLL is set")
    try:
        return [judge_attempts(await list_last_attempts(ports.load_github()))]
    except AccessLostError:
        return [skipped(DELIVERIES, f"needs {APP}")]
    except NotFoundError:
        return [skipped(DELIVERIES, f"needs {HOOK}")]
    except Postpone as error:
        return [failed(DELIVERIES, *describe_outage(error))]


def judge_attempts(newest_first: Sequence[Attempt]) -> Finding:
    """Whether each delivery arrived, at its first attempt or a later one."""
    if not newest_first:
        return ok(DELIVERIES, "GitHub has sent nothing lately")
    total = len({attempt.guid for attempt in newest_first})
    arrived = {attempt.guid for attempt in newest_first if attempt.is_delivered}
    lost = [attempt for attempt in newest_first if attempt.guid not in arrived]
    if not lost:
        return ok(DELIVERIES, f"the last {total} arrived, the newest at {_instant(newest_first[0])}")
    newest = lost[0]
    missing = f"{len({attempt.guid for attempt in lost})} of the last {total} did not arrive"
    detail = f"{missing}; the newest at {_instant(newest)}: {newest.event}, {newest.status}"
    if newest is newest_first[0]:
        return failed(DELIVERIES, detail, _FIXES.get(newest.status_code, _USUAL_FIX))
    return warning(DELIVERIES, detail, f"Later ones arrived; redeliver these {_PAGE}, under Advanced.")


async def check_polling(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the worker polls GitHub as often as it should, if GITHUB_POLL is set."""
    if not ports.settings.github_poll:
        return [ok(POLLING, "off, since webhooks are expected")]
    rows = await ports.load_database().fetch(_POLLED)
    if not rows:
        return [ok(POLLING, "there is no repository to ask about")]
    now = ports.clock.now()
    return [judge_polling(row["account"], row["repositories"], row["oldest"], now) for row in rows]


def judge_polling(account: str, repositories: int, oldest: datetime | None, now: datetime) -> Finding:
    """Whether the repositories of one installation are polled in time.

    `oldest` is the last poll of the repository that waits longest; None: it was never polled.
    """
    # Repositories take turns, so with many of them each turn takes longer.
    limit = LATE + repositories // REPOSITORIES_A_POLL * POLL_EVERY
    if oldest is not None and now - oldest <= limit:
        detail = (
            f"{account}: {repositories} repositories, the last look at each at most {_minutes(limit)} ago"
        )
        return ok(POLLING, detail)
    last = "was never asked about" if oldest is None else f"was asked about {_minutes(now - oldest)} ago"
    return warning(
        POLLING,
        f"{account}: of {repositories} repositories one {last}",
        "See that `ripe worker` runs with GITHUB_POLL set, and whether its log names a rate limit.",
    )


def _minutes(time: timedelta) -> str:
    return f"{time // timedelta(minutes=1)} minutes"


def _instant(attempt: Attempt) -> str:
    return f"{attempt.delivered_at:%Y-%m-%d %H:%M} UTC"
