"""What the steps of the setup work with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import SecretStr
from quart import Request

from bot.credentials import CredentialStore, complete_settings, load_choices
from bot.settings import Settings
from bot.web.setup.profiles import OPTIONS, PROFILES, USUAL_PROFILE
from jobq import Database, utc_now


@dataclass(frozen=True)
class Parts:
    """`settings` are those of the environment. What was entered counts from the moment it was stored."""

    settings: Settings
    database: Database
    store: CredentialStore
    webhook_secrets: list[SecretStr]
    """What GitHub's deliveries are checked with. A new App's first ones come while the setup goes on."""
    now: Callable[[], datetime] = utc_now

    async def load_settings(self) -> Settings:
        """With what was entered so far."""
        return await complete_settings(self.settings)


@dataclass(frozen=True)
class Chosen:
    """What the App is to be: its permissions, and whose it is (empty: the person's own)."""

    profile: str
    options: tuple[str, ...]
    owner: str
    is_saved: bool


async def load_chosen() -> Chosen:
    """What was chosen in the first step, or what is usual."""
    choices = await load_choices()
    options = choices.get("options", "").split(",")
    return read_chosen(choices.get("profile", ""), options, choices.get("owner", ""))


def read_chosen(profile: str, options: Iterable[str], owner: str) -> Chosen:
    """Of the names only those that are known."""
    return Chosen(
        profile=profile if profile in PROFILES else USUAL_PROFILE,
        options=tuple(one for one in options if one in OPTIONS),
        owner=owner,
        is_saved=profile in PROFILES,
    )


def own_url(asked: Request, settings: Settings) -> str:
    """Where this browser reaches us. A proxy that ends TLS tells us only the name."""
    public = settings.public_url
    if public is not None and urlsplit(public).netloc == asked.host:
        return public
    return f"http://{asked.host}"
