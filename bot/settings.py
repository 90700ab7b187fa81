"""Every setting, read once. The only reader of the environment."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.encryption import load_private_key
from bot.files import read_private
from bot.model import OperatorError
from jobq import clean_dsn, is_pooled

GITHUB_NAMES = ("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_WEBHOOK_SECRET")
SLACK_NAMES = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET")
SOCKET_NAMES = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")


class SettingsError(OperatorError):
    """The settings cannot be used. The text has one line for each name, which says what to do."""


def _split(value: Any) -> Any:
    """A comma-separated list, newest first."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _check_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


def _trimmed(value: str) -> str:
    value = value.strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1].strip() if is_quoted else value


def _without_slash(value: str) -> str:
    return _check_url(value).rstrip("/")


def _with_slash(value: str) -> str:
    return _without_slash(value) + "/"


def _read_database(value: SecretStr) -> SecretStr:
    address = value.get_secret_value()
    if not address.startswith(("postgres://", "postgresql://")):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return SecretStr(clean_dsn(address))


def _read_fernet(keys: list[SecretStr]) -> list[SecretStr]:
    return [_read_fernet_key(key.get_secret_value()) for key in keys]


def _read_fernet_key(text: str) -> SecretStr:
    """The key in Fernet's own form: people make keys with `openssl rand -base64 32` as well."""
    key = text.translate(str.maketrans("+/", "-_")).rstrip("=")
    key += "=" * (-len(key) % 4)
    try:
        Fernet(key)
    except ValueError:
        raise ValueError(
            "must be Fernet keys, newest first, separated by commas; make one with: python -c "
            "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        ) from None
    return SecretStr(key)


def _read_private_key(value: SecretStr) -> SecretStr:
    """The PEM itself. Dashboards often keep line ends as two characters, `\\n`, or all of it as base64."""
    text = value.get_secret_value().replace("\\n", "\n")
    if "-----BEGIN" not in text:
        text = _from_base64(text) or text
    if "-----BEGIN" not in text:
        try:
            text = Path(text).expanduser().read_text()
        except (OSError, UnicodeDecodeError):
            raise ValueError(
                "must be the App's private key (-----BEGIN ...) or the path of a readable .pem file"
            ) from None
    try:
        load_private_key(text)
    except (ValueError, TypeError):
        raise ValueError("is not a usable private key; generate one on the App's page on GitHub") from None
    return SecretStr(text.strip() + "\n")


def _from_base64(text: str) -> str | None:
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode()
    except ValueError:
        return None
    return decoded if "-----BEGIN" in decoded else None


def _starting_with(prefix: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(prefix):
            raise ValueError(f"must start with {prefix}")
        return value

    return AfterValidator(check)


Secrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_read_database)]
BaseUrl = Annotated[str, AfterValidator(_without_slash)]


class Settings(BaseSettings):
    """The settings of the operator, read from the environment or `.env`. An empty value counts as not set."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: DatabaseUrl | None = None
    """The address of the database; without one, `ripe up` runs an embedded PostgreSQL."""
    database_direct_url: DatabaseUrl | None = None
    """The address of the database past a transaction pooler such as PgBouncer, for LISTEN and migrations."""
    ripe_host: str | None = None
    """The address to listen on; without one, `ripe up` serves this machine only, `ripe web` all addresses."""
    port: int = Field(default=8080, ge=1, le=65535)
    """The port on which the web process listens."""
    public_url: BaseUrl | None = None
    """The address at which GitHub, Slack and people reach the web process."""
    secret_keys: Annotated[Secrets, AfterValidator(_read_fernet)] = []
    """Fernet keys that protect tokens in the database, newest first: the first encrypts, all decrypt."""
    metrics_token: SecretStr | None = None
    """The bearer token for /metrics and /health; without one, only this machine may read them."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The port on which a worker serves its own /metrics; without one, it counts nothing."""

    github_app_id: int | None = Field(default=None, gt=0)
    """The number of the GitHub App."""
    github_app_private_key: Annotated[SecretStr, AfterValidator(_read_private_key)] | None = None
    """The App's private key, as PEM or as the path of a file."""
    github_webhook_secret: Secrets = []
    """The secret of the App's webhooks, or several, separated by commas, while one replaces another."""
    github_client_id: str | None = None
    """The client ID of the App's OAuth, with which people prove who they are on GitHub."""
    github_client_secret: SecretStr | None = None
    """The client secret of the App's OAuth."""
    github_poll: bool = False
    """`true`: ask GitHub once a minute instead of receiving webhooks; GITHUB_WEBHOOK_SECRET is not needed."""
    github_api_url: BaseUrl = "https://api.github.com"
    """The address of GitHub's API, which differs on GitHub Enterprise Server."""
    github_web_url: BaseUrl = "https://github.com"
    """The address of GitHub's pages, which differs on GitHub Enterprise Server."""

    slack_bot_token: Annotated[SecretStr, _starting_with("xoxb-")] | None = None
    """The Slack app's bot token, for the first workspace."""
    slack_signing_secret: SecretStr | None = None
    """The Slack app's signing secret, which proves that a request comes from Slack."""
    slack_app_token: Annotated[SecretStr, _starting_with("xapp-")] | None = None
    """The app-level token for Socket Mode, in place of SLACK_SIGNING_SECRET and a public address."""
    slack_client_id: str | None = None
    """The Slack app's client ID, with which it is installed in further workspaces."""
    slack_client_secret: SecretStr | None = None
    """The Slack app's client secret, with which it is installed in further workspaces."""
    slack_api_url: Annotated[str, AfterValidator(_with_slash)] = "https://slack.com/api/"
    """The address of Slack's Web API."""

    ripe_home: Path = Path(".ripe")
    """The folder of `ripe up`: the embedded database, and the keys that were generated for it."""
    sandbox_url: BaseUrl | None = None
    """The address of the local sandbox. Internal: `ripe up` sets it for the processes that it starts."""
    ripe_setup: bool = False
    """`true`: `ripe up` opens /setup, where people enter credentials, until it was finished once."""
    ripe_mode: Literal["live", "shadow"] = "shadow"
    """`live`: ask for reviews and send DMs; `shadow`: decide and record, but send nothing."""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = "INFO"
    """How much is logged: DEBUG, INFO, WARNING or ERROR."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """How lines are logged: `json`, `text`, or `auto` for text at a terminal and JSON elsewhere."""

    @property
    def has_github(self) -> bool:
        """Whether the credentials of a GitHub App are set."""
        return self.github_app_id is not None

    @property
    def has_slack(self) -> bool:
        """Whether the credentials of a Slack app are set."""
        return self.slack_bot_token is not None

    @property
    def is_sandbox(self) -> bool:
        """Whether GitHub and Slack are the local sandbox: no credentials, or those that `ripe up` made."""
        return self.sandbox_url is not None or not (self.has_github or self.has_slack or self.ripe_setup)

    @property
    def host(self) -> str:
        """The address to listen on: all for GitHub and Slack, but the sandbox is for this machine only."""
        return "127.0.0.1" if self.is_sandbox else self.ripe_host or "0.0.0.0"  # noqa: S104

    @property
    def direct_url(self) -> str | None:
        """The database's address for LISTEN and migrations, which a transaction pooler cannot carry."""
        url = self.database_direct_url or self.database_url
        return url.get_secret_value() if url else None

    @model_validator(mode="before")
    @classmethod
    def _trim(cls, values: Any) -> Any:
        """Files of secrets end with a newline, and `docker run --env-file` keeps quotes."""
        if not isinstance(values, dict):
            return values
        values = {
            name: _trimmed(value) if isinstance(value, str) else value for name, value in values.items()
        }
        if is_pooled(str(values.get("database_url", ""))) and not values.get("database_direct_url"):
            raise ValueError(
                "DATABASE_DIRECT_URL: missing, and needed because DATABASE_URL leads to PgBouncer"
                " (pgbouncer=true): set the address of Postgres itself"
            )
        return values

    @model_validator(mode="after")
    def _check_completeness(self) -> Self:
        """Half a set of credentials is a mistake, never a wish for the sandbox."""
        if self.database_direct_url is not None and self.database_url is None:
            raise ValueError("DATABASE_URL: missing, and needed because DATABASE_DIRECT_URL is set")
        values = self.model_dump()
        slack_names = SLACK_NAMES if self.slack_app_token is None else SOCKET_NAMES
        github_names = GITHUB_NAMES[:2] if self.github_poll else GITHUB_NAMES
        for names in (github_names, slack_names):
            missing = [name for name in names if not values[name.lower()]]
            if missing and len(missing) < len(names):
                present = next(name for name in names if name not in missing)
                raise ValueError(f"{', '.join(missing)}: missing, and needed because {present} is set")
        return self


def load_settings() -> Settings:
    """Read the environment and `.env`. Raises SettingsError naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error))) from None


def load_settings_of_running_bot() -> Settings:
    """Like `load_settings`. If no database is set, what a running `ripe up` has generated is added."""
    settings = load_settings()
    try:
        generated = json.loads(read_private(running_file(settings.ripe_home.expanduser())))
    except FileNotFoundError:
        return settings
    if settings.database_url is not None:
        return settings
    missing = {name.lower(): value for name, value in generated.items() if name not in os.environ}  # noqa: TID251
    return Settings(**missing)


def running_file(home: Path) -> Path:
    """The file in which a running `ripe up` notes what it generated."""
    return home / "running.json"


def require_database(settings: Settings) -> str:
    """The address of the database. Raises SettingsError when none is set."""
    if settings.database_url is None:
        raise SettingsError(
            "DATABASE_URL: missing; set it to postgresql://user:password@host:5432/database, "
            "or run `ripe up`, which brings a Postgres of its own"
        )
    return settings.database_url.get_secret_value()


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that we start: ours with `changes`. No proxy leads to this machine."""
    ours = dict(os.environ)  # noqa: TID251 - this module is its one reader
    direct = ",".join(filter(None, (ours.get("NO_PROXY") or ours.get("no_proxy"), *LOOPBACK)))
    return {**ours, "NO_PROXY": direct, "no_proxy": direct, **changes}


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        message = problem["msg"].removeprefix("Value error, ")
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        lines.append(f"{name}: {message[0].lower()}{message[1:]}" if name else message)
    return lines
