"""OAuth of the sandbox's GitHub: a code is exchanged once for a token, which acts for a person.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from bot.sandbox.github.errors import AnswerError, CodeRefusedError
from jobq import utc_now

CODE_LIFE = timedelta(minutes=10)
TOKEN_LIFE = timedelta(hours=8)


@dataclass(frozen=True)
class Consent:
    """A person agreed to be known to the App."""

    login: str
    redirect_uri: str
    challenge: str
    expires_at: datetime


@dataclass(frozen=True)
class _Token:
    login: str
    expires_at: datetime


def _make_client_id() -> str:
    return f"Iv23{secrets.token_hex(8)}"


def _make_client_secret() -> SecretStr:
    return SecretStr(secrets.token_hex(20))


@dataclass
class UserAccess:
    """The App's OAuth credentials, and the codes and tokens given for them, which expire on real time."""

    client_id: str = field(default_factory=_make_client_id)
    client_secret: SecretStr = field(default_factory=_make_client_secret)
    _codes: dict[str, Consent] = field(default_factory=dict)
    _tokens: dict[str, _Token] = field(default_factory=dict)

    def agree(self, login: str, redirect_uri: str, challenge: str) -> str:
        """A code for a person who agreed. `challenge` is PKCE's; empty: none was sent."""
        code = secrets.token_hex(10)
        self._codes[code] = Consent(login, redirect_uri, challenge, utc_now() + CODE_LIFE)
        return code

    def exchange(
        self, client_id: str, client_secret: str, code: str, redirect_uri: str, verifier: str
    ) -> str:
        """A token for a code. Raises CodeRefusedError. The code is used up in any case."""
        if client_id != self.client_id or client_secret != self.client_secret.get_secret_value():
            raise CodeRefusedError(
                "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect."
            )
        consent = self._codes.pop(code, None)
        if consent is None or consent.expires_at <= utc_now() or not _fits(verifier, consent.challenge):
            raise CodeRefusedError("bad_verification_code", "The code passed is incorrect or expired.")
        if redirect_uri != consent.redirect_uri:
            raise CodeRefusedError(
                "redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL."
            )
        token = f"ghu_{secrets.token_hex(18)}"
        self._tokens[token] = _Token(consent.login, utc_now() + TOKEN_LIFE)
        return token

    def load_login(self, authorization: str) -> str:
        """The login of the caller's token. Raises AnswerError."""
        kind, _, text = authorization.partition(" ")
        token = self._tokens.get(text) if kind.lower() in ("token", "bearer") else None
        if token is None or token.expires_at <= utc_now():
            raise AnswerError(401, "Bad credentials")
        return token.login


def challenge_of(verifier: str) -> str:
    """PKCE's S256: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _fits(verifier: str, challenge: str) -> bool:
    return not challenge or challenge_of(verifier) == challenge
