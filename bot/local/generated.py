"""Keys and the sandbox's credentials: made once, and kept in files that only their owner may read."""

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.files import read_private, write_private

SANDBOX_FILE = "sandbox-credentials.json"


def find_or_make_secret_key(home: Path) -> str:
    """The Fernet key that protects tokens in the embedded database, beside which it is kept."""
    return _find_or_make(home / "secret-key", lambda: Fernet.generate_key().decode())


def find_or_make_sandbox_credentials(home: Path) -> dict[str, str]:
    """Settings by name, as for a real GitHub App and Slack app. They open nothing outside this machine."""
    path = home / SANDBOX_FILE
    credentials: dict[str, str] = json.loads(_find_or_make(path, _make_credentials))
    oauth = _make_oauth_credentials()
    if not credentials.keys() >= oauth.keys():  # an older version made the file
        credentials |= oauth
        write_private(path, json.dumps(credentials, indent=2))
    return credentials


def _find_or_make(path: Path, make: Callable[[], str]) -> str:
    with suppress(FileNotFoundError):
        return read_private(path)
    write_private(path, made := make())
    return made


def _make_credentials() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    credentials = {
        "GITHUB_APP_ID": "1",
        "GITHUB_APP_PRIVATE_KEY": pem,
        "GITHUB_WEBHOOK_SECRET": secrets.token_hex(20),
        "SLACK_BOT_TOKEN": f"xoxb-sandbox-{secrets.token_hex(12)}",
        "SLACK_SIGNING_SECRET": secrets.token_hex(16),
    }
    return json.dumps(credentials | _make_oauth_credentials(), indent=2)


def _make_oauth_credentials() -> dict[str, str]:
    return {
        "GITHUB_CLIENT_ID": f"Iv23sandbox{secrets.token_hex(6)}",
        "GITHUB_CLIENT_SECRET": secrets.token_hex(20),
    }
