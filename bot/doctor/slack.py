"""Whether Slack accepts the bot and grants it what Ripe needs."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.doctor.model import Finding, failed, ok, warning
from bot.doctor.ports import DoctorPorts
from bot.settings import Settings
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackGateway
from bot.slack.model import SlackGrant
from bot.slack.scopes import OPTIONAL_SCOPES, REQUIRED_SCOPES
from jobq import Postpone

TOKEN, SCOPES, CONNECTION = "slack.token", "slack.scopes", "slack.connection"

_REINSTALL = "then reinstall it to the workspace and set SLACK_BOT_TOKEN to the token that is shown."


async def check_token(ports: DoctorPorts) -> Sequence[Finding]:
    """Which workspace the bot token belongs to, and whether it has the scopes that Ripe needs."""
    try:
        grant = await ports.load_slack().load_grant()
    except SlackRefusedError as error:
        return [
            failed(
                TOKEN,
                f"Slack refuses SLACK_BOT_TOKEN: {error}",
                f"Open the app at https://api.slack.com/apps, {_REINSTALL}",
            )
        ]
    except (Postpone, SlackOutcomeUnknownError) as error:
        return [_judge_silence(TOKEN, error, ports.settings)]
    return [ok(TOKEN, f"workspace {grant.team} ({grant.team_id})"), judge_scopes(grant)]


async def check_connection(ports: DoctorPorts) -> Sequence[Finding]:
    """How clicks and commands in Slack reach us: over HTTP, or over a Socket Mode connection that opens."""
    settings = ports.settings
    if settings.slack_app_token is None:
        return [ok(CONNECTION, "over HTTP: Slack posts to /slack/events")]
    # A gateway of its own: the bot's uses another token.
    slack = SlackGateway(settings.slack_app_token, settings.slack_api_url, timeout=5.0)
    try:
        await slack.try_socket_mode()
    except SlackRefusedError as error:
        return [judge_app_token(error.error)]
    except (Postpone, SlackOutcomeUnknownError) as error:
        return [_judge_silence(CONNECTION, error, settings)]
    finally:
        await slack.close()
    return [ok(CONNECTION, "Socket Mode: no address of ours is needed")]


def judge_app_token(error: str) -> Finding:
    """Why Slack opens no connection, by Slack's error code."""
    return failed(
        CONNECTION,
        f"Slack opens no connection for SLACK_APP_TOKEN: {error}",
        "Open the app at https://api.slack.com/apps, switch Socket Mode on, make an app-level token with the"
        " scope connections:write under Basic Information, and set SLACK_APP_TOKEN to it.",
    )


def _judge_silence(check: str, error: Exception, settings: Settings) -> Finding:
    host = urlsplit(settings.slack_api_url).hostname
    return failed(
        check,
        f"Slack gives no answer ({type(error.__cause__ or error).__name__})",
        f"See that this machine reaches {host}, and what https://slack-status.com says.",
    )


def judge_scopes(grant: SlackGrant) -> Finding:
    """Whether a scope is missing, and what does not work without it."""
    missing = [name for name in (*REQUIRED_SCOPES, *OPTIONAL_SCOPES) if name not in grant.scopes]
    if not missing:
        return ok(SCOPES, ", ".join(sorted(grant.scopes)))
    lost = "; ".join(f"{name} ({(REQUIRED_SCOPES | OPTIONAL_SCOPES)[name]})" for name in missing)
    judge = failed if REQUIRED_SCOPES.keys() & set(missing) else warning
    return judge(
        SCOPES,
        f"missing: {lost}",
        f"Add {', '.join(missing)} under OAuth & Permissions of the app, {_REINSTALL}",
    )
