"""Who may call the sandbox's GitHub: the App by a signed JWT, an installation by a token minted with one."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from pydantic import SecretStr

from bot.encryption import load_private_key
from bot.sandbox.github.model import Installation
from jobq import utc_now

TOKEN_LIFE = timedelta(hours=1)
LONGEST_JWT = timedelta(minutes=10)
"""https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app"""

_UNREADABLE = "A JSON web token could not be decoded"
_EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the"
    " assertion expires"
)
_LEVELS = ("read", "write", "admin")


class Unauthorized(Exception):
    """Bad credentials (401). Its text is what GitHub says."""


class NotGranted(Exception):
    """A token was asked for that may do more than its installation (422)."""


@dataclass(frozen=True)
class Token:
    """What an installation's token was minted for. None: everything that its installation may."""

    installation_id: int
    expires_at: datetime
    permissions: Mapping[str, str] | None = None
    repository_ids: frozenset[int] | None = None


@dataclass
class Access:
    """Tokens live on real time, whatever the sandbox's clock says. `minted` counts them."""

    app_id: int
    private_key: SecretStr
    tokens: dict[str, Token] = field(default_factory=dict)
    minted: int = 0

    def check_app(self, authorization: str) -> None:
        """Raises Unauthorized."""
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "bearer" or not text:
            raise Unauthorized(_UNREADABLE)
        key = load_private_key(self.private_key.get_secret_value())
        try:
            claims = jwt.decode(
                text, key.public_key(), algorithms=["RS256"], options={"require": ["exp", "iat", "iss"]}
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized(_EXPIRED) from None
        except jwt.InvalidTokenError:
            raise Unauthorized(_UNREADABLE) from None
        if str(claims["iss"]) != str(self.app_id):
            raise Unauthorized("Integration not found")
        if claims["exp"] - utc_now().timestamp() > LONGEST_JWT.total_seconds():
            raise Unauthorized("'Expiration time' claim ('exp') is too far in the future")

    def mint(
        self,
        installation: Installation,
        permissions: Mapping[str, str] | None = None,
        repository_ids: frozenset[int] | None = None,
    ) -> tuple[str, Token]:
        """A new token, for less than everything if so asked. Raises NotGranted."""
        if not all(allows(installation.permissions, *asked) for asked in (permissions or {}).items()):
            raise NotGranted("The permissions requested are not granted to this installation.")
        if not (repository_ids or frozenset()) <= {*installation.repository_ids}:
            raise NotGranted(
                "There is at least one repository that does not exist or is not accessible to the parent"
                " installation."
            )
        token = Token(installation.id, utc_now() + TOKEN_LIFE, permissions or None, repository_ids or None)
        text = f"ghs_{secrets.token_hex(18)}"
        self.tokens[text] = token
        self.minted += 1
        return text, token

    def find_token(self, authorization: str) -> Token:
        """What the caller's token was minted for. Raises Unauthorized."""
        kind, _, text = authorization.partition(" ")
        token = self.tokens.get(text) if kind.lower() in ("token", "bearer") else None
        if token is None or token.expires_at <= utc_now():
            raise Unauthorized("Bad credentials")
        return token


def allows(granted: Mapping[str, str], permission: str, level: str) -> bool:
    """Whether what was granted includes this: who may write may read."""
    held = granted.get(permission)
    return held in _LEVELS and level in _LEVELS[: _LEVELS.index(held) + 1]
