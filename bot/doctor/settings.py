"""Whether the operator's settings are complete and fit together."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.doctor.model import Finding, failed, ok, warning
from bot.doctor.ports import DoctorPorts
from bot.settings import Settings

SETTINGS, PUBLIC_URL, SECRET_KEYS = "settings", "settings.public_url", "settings.secret_keys"
NAMES = (SETTINGS, PUBLIC_URL, SECRET_KEYS)

_MAKE_KEY = (
    "Set SECRET_KEYS to what this prints: python -c "
    "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)


def judge_unusable(error: Exception) -> Finding:
    """The settings could not be read. `error` has a line for each that is wrong."""
    lines = " ".join(f"{line.rstrip('.')}." for line in str(error).splitlines())
    return failed(SETTINGS, lines, "Correct these in the environment or in .env; .env.example explains each.")


async def check_settings(ports: DoctorPorts) -> Sequence[Finding]:
    """Whether the settings are complete, reachable and decryptable. Asks nobody."""
    settings, undecrypted = ports.settings, ports.undecrypted
    keys = judge_secret_keys(settings) if undecrypted is None else judge_undecrypted(undecrypted)
    return [judge_completeness(settings), judge_public_url(settings), keys]


def judge_completeness(settings: Settings) -> Finding:
    """Whether there are credentials, and what the mode does with them."""
    credentials = {
        "GitHub (GITHUB_APP_ID ...)": settings.has_github,
        "Slack (SLACK_BOT_TOKEN ...)": settings.has_slack,
    }
    missing = [name for name, is_set in credentials.items() if not is_set]
    if missing:
        return failed(
            SETTINGS,
            f"no credentials for {' and '.join(missing)}",
            "Connect them in the browser with `ripe up --setup`, or set the names in .env.example.",
        )
    if settings.is_sandbox:
        return ok(SETTINGS, "complete, on the local sandbox")
    does = "sends" if settings.ripe_mode == "live" else "decides and records, sends nothing"
    return ok(SETTINGS, f"complete; mode {settings.ripe_mode}: {does}")


def judge_public_url(settings: Settings) -> Finding:
    """Whether GitHub and Slack can reach the bot."""
    if settings.is_sandbox:
        return ok(PUBLIC_URL, "not needed on the sandbox")
    judge = failed if settings.ripe_mode == "live" else warning
    if settings.public_url is None:
        lost = _lost_without_address(settings)
        if lost is None:
            return ok(PUBLIC_URL, "not needed: GitHub is polled, Slack is in Socket Mode")
        return judge(
            PUBLIC_URL,
            f"missing, so {lost}",
            "Set PUBLIC_URL to the https address of this bot, or both GITHUB_POLL=true and SLACK_APP_TOKEN.",
        )
    if urlsplit(settings.public_url).scheme != "https":
        return judge(
            PUBLIC_URL,
            f"{settings.public_url} is not encrypted",
            "Put a proxy with a certificate before the bot and set PUBLIC_URL to its https:// address.",
        )
    return ok(PUBLIC_URL, settings.public_url)


def _lost_without_address(settings: Settings) -> str | None:
    match settings.github_poll, settings.slack_app_token is not None:
        case True, True:
            return None
        case True, False:
            return "clicks do not arrive"
        case False, True:
            return "webhooks do not arrive"
    return "neither webhooks nor clicks arrive"


def judge_secret_keys(settings: Settings) -> Finding:
    """Whether tokens can be encrypted for the database, and decrypted again."""
    if not settings.secret_keys:
        return warning(SECRET_KEYS, "none, so no token can be kept in the database", _MAKE_KEY)
    keys = MultiFernet([Fernet(key.get_secret_value()) for key in settings.secret_keys])
    try:
        keys.decrypt(keys.encrypt(b"whole"))
    except InvalidToken:
        return failed(SECRET_KEYS, "what they encrypt they cannot decrypt", _MAKE_KEY)
    many = len(settings.secret_keys)
    return ok(SECRET_KEYS, "one key" if many == 1 else f"{many} keys, the newest encrypts")


def judge_undecrypted(error: Exception) -> Finding:
    """Credentials were entered at /setup, but no key decrypts them."""
    detail, _, remedy = str(error).removeprefix("SECRET_KEYS: ").partition("; ")
    return failed(SECRET_KEYS, detail, f"{remedy[:1].upper()}{remedy[1:]}." if remedy else _MAKE_KEY)
