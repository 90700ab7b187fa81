"""Credentials and choices made at /setup, in Postgres. What the environment sets wins over them.

Credentials are encrypted with SECRET_KEYS: see bot/encryption.py.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr

from bot.encryption import Cipher, Undecryptable, find_secret_key
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
"""Settings that are no secrets."""

SettingName = Literal[
    "ripe_mode", "ripe_mode_by", "public_url", "profile", "options", "owner", "app_url", "finished_at"
]
"""Beside the plain fields: who chose the mode in Slack, what was chosen for the App, where its page is, and
when the setup ended."""


class CredentialStore:
    """Reads and writes encrypted credentials. `keys` are Fernet keys, the newest first."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        if not keys:
            raise SettingsError(
                "SECRET_KEYS: missing, and needed for the credentials that were entered at /setup"
            )
        self._cipher = Cipher(keys)

    async def load(self) -> dict[str, SecretStr]:
        """All of them, by their names in the environment. Raises SettingsError where no key fits."""
        rows = await current_database().fetch("SELECT name, value FROM credential ORDER BY name")
        return {row["name"]: self._decrypt(row["name"], row["value"]) for row in rows}

    @write_transaction
    async def save(self, values: Mapping[str, SecretStr], now: datetime, group: Sequence[str] = ()) -> None:
        """All or none of them. Of `group`, names that belong together, nothing else is left."""
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
        """Encrypts with the newest key what an older one has encrypted; returns how many there were."""
        rows = await current_database().fetch("SELECT name, value FROM credential ORDER BY name")
        old = [(row["name"], row["value"]) for row in rows if not self._cipher.is_newest(row["value"])]
        for name, value in old:
            self._decrypt(name, value)  # says which one it is, should no key fit
            await current_database().execute(
                # Only what was read: somebody may have entered another one meanwhile.
                "UPDATE credential SET value = $3 WHERE name = $1 AND value = $2",
                name,
                value,
                self._cipher.renew(value),
            )
        return len(old)

    def seal(self, text: str) -> str:
        """What only this bot can read and make, to be kept by a browser."""
        return self._cipher.encrypt(SecretStr(text)).decode()

    def unseal(self, sealed: str, life: timedelta) -> str | None:
        """The text again; None where it was not sealed by this bot, or longer ago than `life`."""
        try:
            return self._cipher.decrypt(sealed, life).get_secret_value()
        except Undecryptable:
            return None

    def _decrypt(self, name: str, value: bytes) -> SecretStr:
        try:
            return self._cipher.decrypt(value)
        except Undecryptable:
            raise SettingsError(
                f"SECRET_KEYS: none of them decrypts {name}, which was entered at /setup; "
                "add the key that was in use then, or enter it again with `ripe up --setup`"
            ) from None


async def complete_settings(settings: Settings) -> Settings:
    """`settings` with what was entered at /setup wherever the environment is silent.

    GitHub's credentials are taken together, and so are Slack's: those of two Apps are never mixed. The
    sandbox has its own, and stays as it is. Raises SettingsError where the stored ones cannot be decrypted.
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
    """The store of this bot's keys. Raises SettingsError where there are none."""
    return CredentialStore(settings.secret_keys or find_secret_key(settings.ripe_home.expanduser()))


def find_cipher(settings: Settings) -> Cipher | None:
    """What this bot's tokens in Postgres are encrypted with; None where no keys are set."""
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
    chosen = await load_choices()
    return {
        field: chosen[field]
        for field in PLAIN_FIELDS
        if field in chosen and field not in settings.model_fields_set
    }


@read_transaction
async def load_choices() -> dict[str, str]:
    """Everything that was chosen at /setup, by name; see SettingName."""
    return {row["name"]: row["value"] for row in await current_database().fetch("SELECT * FROM setting")}


@write_transaction
async def save_choices(values: Mapping[SettingName, str], now: datetime) -> None:
    """All or none of them."""
    await current_database().executemany(
        """
        INSERT INTO setting (name, value, set_at) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at
        """,
        [(name, value, now) for name, value in values.items()],
    )
