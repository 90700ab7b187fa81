"""Asks GitHub about the App itself: its registration, its installations, and how its webhooks fare."""

from datetime import datetime
from typing import Any, Protocol

from pydantic import ConfigDict

from bot.github.model import Account, NotFoundError
from bot.github.payloads import parse_account, parse_readable
from bot.model import InstallationId, Parsed, Value

LAST_DELIVERIES = 50
PER_PAGE = 100


class GitHub(Protocol):
    """The calls of an inspection. Raises as the gateway does."""

    async def load_as_app(self, path: str) -> Any: ...

    async def load_as_installation(self, installation_id: InstallationId, path: str) -> Any: ...


class AsApp(Protocol):
    """The calls that the App makes for itself. Raises as the gateway does."""

    async def load_as_app(self, path: str) -> Any: ...


class _Answer(Parsed):
    # GitHub answers with more fields than are looked at here.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Registration(_Answer):
    """The App as its owner registered it. Each account grants the permissions of its own installation."""

    name: str
    html_url: str
    permissions: dict[str, str]
    events: tuple[str, ...]


class ListedInstallation(Value):
    """The App on one account, as GitHub lists it. `account` is None if that account was deleted."""

    id: InstallationId
    account: Account | None
    html_url: str
    permissions: dict[str, str]
    suspended_at: datetime | None

    @property
    def login(self) -> str:
        """The login of the account, for people to read."""
        return self.account.login if self.account else "an account that is gone"

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None


class Hook(_Answer):
    """The address to which GitHub sends the App's webhooks."""

    url: str = ""
    content_type: str = "form"
    insecure_ssl: str = "0"


class Attempt(_Answer):
    """One attempt to deliver a webhook. `status_code` is 0 if nothing answered; `status` says it in words."""

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


async def load_registration(github: AsApp) -> Registration:
    """https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app"""
    return Registration.model_validate(await github.load_as_app("/app"))


async def list_installations(github: AsApp) -> tuple[ListedInstallation, ...]:
    """Every installation of the App."""
    installations: list[ListedInstallation] = []
    page = 1
    while True:
        answer = await github.load_as_app(f"/app/installations?per_page={PER_PAGE}&page={page}")
        installations += parse_readable(_parse_installation, answer)
        if len(answer) < PER_PAGE:
            return tuple(installations)
        page += 1


def _parse_installation(listed: object) -> ListedInstallation:
    answer: dict[str, Any] = listed if isinstance(listed, dict) else {}
    accounts = parse_readable(parse_account, [answer.get("account") or None])
    return ListedInstallation.model_validate(
        {
            "id": answer.get("id"),
            "account": accounts[0] if accounts else None,
            "html_url": answer.get("html_url") or "",
            "permissions": answer.get("permissions") or {},
            "suspended_at": answer.get("suspended_at"),
        }
    )


async def is_uninstalled(github: AsApp, installation_id: InstallationId) -> bool:
    """Whether GitHub says that there is no such installation. That a list lacks it is not proof enough."""
    try:
        await github.load_as_app(f"/app/installations/{installation_id}")
    except NotFoundError:
        return True
    return False


async def find_installation(github: AsApp, installation_id: InstallationId) -> ListedInstallation | None:
    """The installation as GitHub shows it; None if GitHub says that there is no such installation."""
    try:
        answer = await github.load_as_app(f"/app/installations/{installation_id}")
    except NotFoundError:
        return None
    return _parse_installation(answer)


async def load_hook(github: AsApp) -> Hook:
    """https://docs.github.com/en/rest/apps/webhooks"""
    return Hook.model_validate(await github.load_as_app("/app/hook/config"))


async def list_last_attempts(github: AsApp) -> list[Attempt]:
    """The newest first, without those that have not ended."""
    answer = await github.load_as_app(f"/app/hook/deliveries?per_page={LAST_DELIVERIES}")
    attempts = [Attempt.model_validate(attempt) for attempt in answer]
    return [attempt for attempt in attempts if attempt.has_ended]


async def count_repositories(github: GitHub, installation_id: InstallationId) -> int:
    """How many repositories an installation sees. GitHub mints a token of the installation to answer this."""
    answer = await github.load_as_installation(installation_id, "/installation/repositories?per_page=1")
    return int(answer["total_count"])
