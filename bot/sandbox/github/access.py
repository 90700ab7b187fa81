"""The credentials that open the sandbox's GitHub: the App's signed JWT, and an installation's token."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from pydantic import SecretStr

from bot.encryption import load_private_key
from bot.sandbox.github.errors import AnswerError, RefusedError
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


@dataclass(frozen=True)
class Token:
    """The rights of an installation's token. None: all that its installation may do."""

    installation_id: int
    expires_at: datetime
    permissions: Mapping[str, str] | None = None
    repository_ids: frozenset[int] | None = None


@dataclass
class Access:
    """The App's key and the tokens, which expire on real time. `minted` counts the tokens."""

    app_id: int
    private_key: SecretStr
    tokens: dict[str, Token] = field(default_factory=dict)
    minted: int = 0

    def check_app(self, authorization: str) -> None:
        """Check the App's JWT. Raises AnswerError."""
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "bearer" or not text:
            raise AnswerError(401, _UNREADABLE)
        key = load_private_key(self.private_key.get_secret_value())
        try:
            claims = jwt.decode(
                text, key.public_key(), algorithms=["RS256"], options={"require": ["exp", "iat", "iss"]}
            )
        except jwt.ExpiredSignatureError:
            raise AnswerError(401, _EXPIRED) from None
        except jwt.InvalidTokenError:
            raise AnswerError(401, _UNREADABLE) from None
        if str(claims["iss"]) != str(self.app_id):
            raise AnswerError(401, "Integration not found")
        if claims["exp"] - utc_now().timestamp() > LONGEST_JWT.total_seconds():
            raise AnswerError(401, "'Expiration time' claim ('exp') is too far in the future")

    def mint(
        self,
        installation: Installation,
        permissions: Mapping[str, str] | None = None,
        repository_ids: frozenset[int] | None = None,
    ) -> tuple[str, Token]:
        """A new token, for all that the installation may do or for the part that is asked for.

        Raises RefusedError if more is asked for.
        """
        if not all(allows(installation.permissions, *asked) for asked in (permissions or {}).items()):
            raise RefusedError("The permissions requested are not granted to this installation.")
        if not (repository_ids or frozenset()) <= {*installation.repository_ids}:
            raise RefusedError(
                "There is at least one repository that does not exist or is not accessible to the parent"
                " installation."
            )
        token = Token(installation.id, utc_now() + TOKEN_LIFE, permissions or None, repository_ids or None)
        text = f"ghs_{secrets.token_hex(18)}"
        self.tokens[text] = token
        self.minted += 1
        return text, token

    def find_token(self, authorization: str) -> Token:
        """The caller's token. Raises AnswerError."""
        kind, _, text = authorization.partition(" ")
        token = self.tokens.get(text) if kind.lower() in ("token", "bearer") else None
        if token is None or token.expires_at <= utc_now():
            raise AnswerError(401, "Bad credentials")
        return token


def allows(granted: Mapping[str, str], permission: str, level: str) -> bool:
    """Whether the granted permissions include this level: `write` includes `read`."""
    granted_level = granted.get(permission)
    return granted_level in _LEVELS and level in _LEVELS[: _LEVELS.index(granted_level) + 1]
