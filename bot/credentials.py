"""Credentials and choices entered at /setup, in Postgres. The environment wins over them.

Credentials are encrypted with SECRET_KEYS: see bot/encryption.py.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr

from bot.encryption import Cipher, UndecryptableError, find_secret_key
from bot.settings import Settings, SettingsError
from jobq import current_database, read_transaction, write_transaction

GITHUB_FIELDS = (
    "github_app_id",
    "github_app_private_key",
    "github_webhook_secret",
    "github_client_id",
    "github_client_secret",
)
SLACK_FIELDS = (
    "slack_bot_token",
    "slack_signing_secret",
    "slack_app_token",
    "slack_client_id",
    "slack_client_secret",
)
PLAIN_FIELDS = ("ripe_mode", "public_url")
"""Settings that are entered at /setup and are no secrets."""

SettingName = Literal[
    "ripe_mode", "ripe_mode_by", "public_url", "profile", "options", "owner", "app_url", "finished_at"
]
"""Beside the plain fields: who chose the mode in Slack, what was chosen for the App, the address of its page,
and when the setup ended."""


class CredentialStore:
    """Reads and writes encrypted credentials. `keys` are Fernet keys, the newest first.

    Raises SettingsError if there are none.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        if not keys:
            raise SettingsError(
                "SECRET_KEYS: missing, and needed for the credentials that were entered at /setup"
            )
        self._cipher = Cipher(keys)

    async def load(self) -> dict[str, SecretStr]:
        """All credentials, by their names in the environment. Raises SettingsError if no key decrypts one."""
        rows = await current_database().fetch("SELECT name, value FROM credential ORDER BY name")
        return {row["name"]: self._decrypt(row["name"], row["value"]) for row in rows}

    @write_transaction
    async def save(self, values: Mapping[str, SecretStr], now: datetime, group: Sequence[str] = ()) -> None:
        """Save all or none of `values`, after deleting `group`, names that belong together."""
        database = current_database()
        await database.execute("DELETE FROM credential WHERE name = ANY($1)", list(group))
        await database.executemany(
            """
            INSERT INTO credential (name, value, set_at) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at
            """,
            [(name, self._cipher.encrypt(value), now) for name, value in values.items()],
        )

    async def renew(self) -> int:
        """Encrypt everything with the newest key; return how many credentials an older one had encrypted."""
        rows = await current_database().fetch("SELECT name, value FROM credential ORDER BY name")
        old = [(row["name"], row["value"]) for row in rows if not self._cipher.is_newest(row["value"])]
        for name, value in old:
            self._decrypt(name, value)  # if no key fits, the error names the credential
            await current_database().execute(
                # Only the value that was read: a person may have entered a new one meanwhile.
                "UPDATE credential SET value = $3 WHERE name = $1 AND value = $2",
                name,
                value,
                self._cipher.renew(value),
            )
        return len(old)

    def seal(self, text: str) -> str:
        """Text for a browser to keep, which only this bot can make and read."""
        return self._cipher.encrypt(SecretStr(text)).decode()

    def unseal(self, sealed: str, life: timedelta) -> str | None:
        """The text that `seal` was given; None if this bot did not seal it, or longer ago than `life`."""
        try:
            return self._cipher.decrypt(sealed, life).get_secret_value()
        except UndecryptableError:
            return None

    def _decrypt(self, name: str, value: bytes) -> SecretStr:
        try:
            return self._cipher.decrypt(value)
        except UndecryptableError:
            raise SettingsError(
                f"SECRET_KEYS: none of them decrypts {name}, which was entered at /setup; "
                "add the key that was in use then, or enter it again with `ripe up --setup`"
            ) from None


async def complete_settings(settings: Settings) -> Settings:
    """`settings` completed with what was entered at /setup.

    GitHub's credentials are taken together, and so are Slack's: those of two apps are never mixed. The
    sandbox has its own, and stays as it is. Raises SettingsError if no key decrypts the stored credentials.
    """
    if settings.sandbox_url is not None:
        return settings
    stored = await _load_credentials(settings)
    changes = await _plain_changes(settings)
    if not settings.has_github:
        changes |= _missing(settings, GITHUB_FIELDS, stored)
    if not settings.has_slack:
        changes |= _missing(settings, SLACK_FIELDS, stored)
    return settings.model_copy(update=changes)


async def _load_credentials(settings: Settings) -> dict[str, SecretStr]:
    if not await current_database().fetchval("SELECT EXISTS (SELECT FROM credential)"):
        return {}
    store = open_store(settings)
    await store.renew()
    return await store.load()


def open_store(settings: Settings) -> CredentialStore:
    """The store with this bot's keys. Raises SettingsError if there are none."""
    return CredentialStore(settings.secret_keys or find_secret_key(settings.ripe_home.expanduser()))


def find_cipher(settings: Settings) -> Cipher | None:
    """The cipher of this bot's tokens in Postgres; None if no keys are set."""
    keys = settings.secret_keys or find_secret_key(settings.ripe_home.expanduser())
    return Cipher(keys) if keys else None


def _missing(settings: Settings, fields: Sequence[str], stored: Mapping[str, SecretStr]) -> dict[str, Any]:
    return {
        field: _typed(field, stored[field.upper()])
        for field in fields
        if field.upper() in stored and not getattr(settings, field)
    }


def _typed(field: str, value: SecretStr) -> Any:
    match field:
        case "github_app_id":
            return int(value.get_secret_value())
        case "github_webhook_secret":
            return [value]
        case "github_client_id" | "slack_client_id":
            return value.get_secret_value()
        case _:
            return value


async def _plain_changes(settings: Settings) -> dict[str, Any]:
    choices = await load_choices()
    return {
        field: choices[field]
        for field in PLAIN_FIELDS
        if field in choices and field not in settings.model_fields_set
    }


@read_transaction
async def load_choices() -> dict[str, str]:
    """Everything that was chosen at /setup, by SettingName."""
    return {
        row["name"]: row["value"] for row in await current_database().fetch("SELECT name, value FROM setting")
    }


@write_transaction
async def save_choices(values: Mapping[SettingName, str], now: datetime) -> None:
    """Save all or none of `values`."""
    await current_database().executemany(
        """
        INSERT INTO setting (name, value, set_at) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at
        """,
        [(name, value, now) for name, value in values.items()],
    )
