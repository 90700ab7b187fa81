"""The ports of the steps of the setup, and the choices made in them."""

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
class SetupPorts:
    """`settings` are those of the environment. A person's entry counts from the moment it is stored."""

    settings: Settings
    database: Database
    store: CredentialStore
    webhook_secrets: list[SecretStr]
    """The secrets that check GitHub's deliveries. A new App's first ones arrive while the setup goes on."""
    now: Callable[[], datetime] = utc_now

    async def load_settings(self) -> Settings:
        """The settings of the environment, completed with what was entered so far."""
        return await complete_settings(self.settings)


@dataclass(frozen=True)
class AppChoice:
    """The choices for the new App. `owner` is the organization that owns it; empty: the person's own account.

    `is_saved`: a person chose this; otherwise it is the usual choice.
    """

    profile: str
    options: tuple[str, ...]
    owner: str
    is_saved: bool


async def load_app_choice() -> AppChoice:
    """The choice of the first step, or the usual one if there is none."""
    choices = await load_choices()
    options = choices.get("options", "").split(",")
    return parse_app_choice(choices.get("profile", ""), options, choices.get("owner", ""))


def parse_app_choice(profile: str, options: Iterable[str], owner: str) -> AppChoice:
    """The choice that was typed or stored. Names that do not exist are left out."""
    return AppChoice(
        profile=profile if profile in PROFILES else USUAL_PROFILE,
        options=tuple(option for option in options if option in OPTIONS),
        owner=owner,
        is_saved=profile in PROFILES,
    )


def own_url(asked: Request, settings: Settings) -> str:
    """The address at which this browser reaches us, as far as we can tell.

    A proxy that ends TLS passes on the name only, so an address other than PUBLIC_URL is taken for http.
    """
    public = settings.public_url
    if public is not None and urlsplit(public).netloc == asked.host:
        return public
    return f"http://{asked.host}"
