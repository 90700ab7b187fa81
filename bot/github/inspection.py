"""What GitHub says about the App itself: what it asks for, where it is installed, how its webhooks fare."""

from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from bot.model import InstallationId

LAST_DELIVERIES = 50


class GitHub(Protocol):
    """What an inspection asks. Raises as the gateway does."""

    async def load_as_app(self, path: str) -> Any: ...

    async def load_as_installation(self, installation_id: InstallationId, path: str) -> Any: ...


class _Told(BaseModel):
    """GitHub tells more than we look at."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Registration(_Told):
    """The App as its owner has registered it. What an installation has was granted by its own owner."""

    name: str
    html_url: str
    permissions: dict[str, str]
    events: tuple[str, ...]


class _Owner(_Told):
    login: str = "an account that is gone"


class Installation(_Told):
    """The App on one account."""

    id: InstallationId
    account: _Owner | None
    html_url: str
    permissions: dict[str, str]
    suspended_at: datetime | None = None

    @property
    def login(self) -> str:
        """Whose it is."""
        return (self.account or _Owner()).login


class Hook(_Told):
    """Where the App's webhooks go."""

    url: str = ""
    content_type: str = "form"
    insecure_ssl: str = "0"


class Attempt(_Told):
    """One attempt to deliver. `status_code` is 0 where nobody answered; `status` says it in words."""

    guid: str
    delivered_at: datetime
    event: str
    status: str
    status_code: int

    @property
    def has_ended(self) -> bool:
        return self.status != "pending"

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.status_code < 300


async def load_registration(github: GitHub) -> Registration:
    """https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app"""
    return Registration.model_validate(await github.load_as_app("/app"))


async def list_installations(github: GitHub) -> list[Installation]:
    """The first hundred."""
    found = await github.load_as_app("/app/installations?per_page=100")
    return [Installation.model_validate(one) for one in found]


async def load_hook(github: GitHub) -> Hook:
    """https://docs.github.com/en/rest/apps/webhooks"""
    return Hook.model_validate(await github.load_as_app("/app/hook/config"))


async def list_last_attempts(github: GitHub) -> list[Attempt]:
    """The newest first, those without those that are under way."""
    found = await github.load_as_app(f"/app/hook/deliveries?per_page={LAST_DELIVERIES}")
    attempts = [Attempt.model_validate(one) for one in found]
    return [one for one in attempts if one.has_ended]


async def count_repositories(github: GitHub, installation_id: InstallationId) -> int:
    """How many an installation may see: asked with a token of its own, which is minted for it."""
    found = await github.load_as_installation(installation_id, "/installation/repositories?per_page=1")
    return int(found["total_count"])
