"""Who may call the sandbox's GitHub: the App by a signed JWT, an installation by a token minted with one."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import SecretStr

from bot.sandbox.github.model import Installation
from jobq.clock import utc_now

TOKEN_LIFE = timedelta(hours=1)
LONGEST_JWT = timedelta(minutes=10)
"""https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app"""


class Unauthorized(Exception):
    """Bad credentials. Its text is what GitHub says."""


@dataclass
class Token:
    installation_id: int
    expires_at: datetime


@dataclass
class Access:
    """Tokens live on real time, whatever the sandbox's clock says."""

    app_id: int
    private_key: SecretStr
    tokens: dict[str, Token] = field(default_factory=dict)
    minted: int = 0

    def check_app(self, authorization: str) -> None:
        """Raises Unauthorized."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized("A JSON web token could not be decoded")
        try:
            claims = jwt.decode(
                token, self._public_key(), algorithms=["RS256"], options={"require": ["exp", "iat", "iss"]}
            )
        except jwt.InvalidTokenError:
            raise Unauthorized("A JSON web token could not be decoded") from None
        if str(claims["iss"]) != str(self.app_id):
            raise Unauthorized("Integration not found")
        if claims["exp"] - utc_now().timestamp() > LONGEST_JWT.total_seconds():
            raise Unauthorized("'Expiration time' claim ('exp') is too far in the future")

    def mint(self, installation: Installation) -> tuple[str, Token]:
        """A new token of an installation."""
        self.minted += 1
        token = Token(installation.id, utc_now() + TOKEN_LIFE)
        text = f"ghs_{secrets.token_hex(18)}"
        self.tokens[text] = token
        return text, token

    def find_installation(self, authorization: str) -> int:
        """Whose token it is. Raises Unauthorized."""
        kind, _, text = authorization.partition(" ")
        token = self.tokens.get(text) if kind.lower() in ("token", "bearer") else None
        if token is None or token.expires_at <= utc_now():
            raise Unauthorized("Bad credentials")
        return token.installation_id

    def _public_key(self) -> bytes:
        key = load_pem_private_key(self.private_key.get_secret_value().encode(), password=None)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
