"""The process that `ripe up` keeps running, and what it finds in its environment."""

import sys
from pathlib import Path

from bot.local.generated import find_or_make_sandbox_credentials
from bot.settings import Settings, require_database
from bot.web.server import find_free_port, is_free

HOST = "127.0.0.1"


def usual_command() -> list[str]:
    """All of Ripe in one process."""
    return [sys.executable, "-m", "bot", "parts"]


def make_environment(settings: Settings, home: Path) -> dict[str, str]:
    """The variables that the processes get in addition to our own environment."""
    environment = {
        "DATABASE_URL": require_database(settings),
        "SECRET_KEYS": ",".join(key.get_secret_value() for key in settings.secret_keys),
        "PORT": str(settings.port),
        "RIPE_HOST": settings.ripe_host or HOST,
        "RIPE_HOME": str(home),
        "LOG_FORMAT": "text" if settings.log_format == "auto" else settings.log_format,
        "PYTHONUNBUFFERED": "1",
        # Never empty: an empty value would leave it to the .env file.
        "RIPE_SETUP": str(settings.ripe_setup).lower(),
    }
    if settings.is_sandbox:
        if "log_level" not in settings.model_fields_set:
            environment["LOG_LEVEL"] = "WARNING"  # the story already says what happens
        environment |= find_or_make_sandbox_credentials(home) | _sandbox_addresses(settings)
    return environment


def _sandbox_addresses(settings: Settings) -> dict[str, str]:
    # The same port each time, if it is free: links in old messages lead to it.
    port = settings.port + 1 if is_free(HOST, settings.port + 1) else find_free_port(HOST)
    sandbox = f"http://{HOST}:{port}"
    return {
        "PUBLIC_URL": base_url(settings),
        "SANDBOX_URL": sandbox,
        "GITHUB_API_URL": f"{sandbox}/api/v3",
        "GITHUB_WEB_URL": sandbox,
        "SLACK_API_URL": f"{sandbox}/slack/api/",
        "RIPE_MODE": "live",
    }


def base_url(settings: Settings) -> str:
    """The address at which people reach this Ripe."""
    local = f"http://{HOST}:{settings.port}"
    return local if settings.is_sandbox else settings.public_url or local
