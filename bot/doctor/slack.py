"""Whether Slack accepts the bot, and lets it do what Ripe does."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.doctor.model import Finding, failed, ok, warning
from bot.doctor.parts import Parts
from bot.slack.gateway import SlackOutcomeUnknown, SlackRefused
from bot.slack.model import SlackGrant
from jobq import Postpone

TOKEN, SCOPES = "slack.token", "slack.scopes"

NEEDED = {
    "commands": "/snooze, /ooo and /reviews",
    "chat:write": "every DM",
    "im:write": "every first DM",
    "users:read": "time zones and names",
}
USEFUL = {
    "im:history": "finding a DM again whose reply was lost",
    "users:read.email": "finding people by their address",
}
"""Without these Ripe works, less well."""

_REINSTALL = "then reinstall it to the workspace and set SLACK_BOT_TOKEN to the token that is shown."


async def check_token(parts: Parts) -> Sequence[Finding]:
    """Whose token it is, and what it may do."""
    try:
        grant = await parts.load_slack().load_grant()
    except SlackRefused as error:
        return [
            failed(
                TOKEN,
                f"Slack refuses SLACK_BOT_TOKEN: {error}",
                f"Open the app at https://api.slack.com/apps, {_REINSTALL}",
            )
        ]
    except (Postpone, SlackOutcomeUnknown) as error:
        host = urlsplit(parts.settings.slack_api_url).hostname
        return [
            failed(
                TOKEN,
                f"Slack gives no answer ({type(error.__cause__ or error).__name__})",
                f"See that this machine reaches {host}, and what https://slack-status.com says.",
            )
        ]
    return [ok(TOKEN, f"workspace {grant.team} ({grant.team_id})"), judge_scopes(grant)]


def judge_scopes(grant: SlackGrant) -> Finding:
    """Each missing scope is named with what is off without it."""
    missing = [name for name in (*NEEDED, *USEFUL) if name not in grant.scopes]
    if not missing:
        return ok(SCOPES, ", ".join(sorted(grant.scopes)))
    lost = "; ".join(f"{name} ({(NEEDED | USEFUL)[name]})" for name in missing)
    judge = failed if NEEDED.keys() & set(missing) else warning
    return judge(
        SCOPES,
        f"missing: {lost}",
        f"Add {', '.join(missing)} under OAuth & Permissions of the app, {_REINSTALL}",
    )
