"""One-time secrets: the token of a printed link, or the state that travels to another site and back.

Each is 256 random bits; the database knows its SHA-256 only. A secret may have a holder, such as the browser
that asked for it, and then works for nobody else. Secrets expire on real time, not on the sandbox's clock.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from bot.model import UserError
from jobq import current_database

SECRET_LENGTH = 43
"""Characters: 256 bits as URL-safe base64."""


class StateRefusedError(UserError):
    """A secret is unknown, used, expired or another browser's. The text is for the person."""


@dataclass(frozen=True)
class Refusals:
    """The text that the person reads, for each reason to refuse a secret."""

    unknown: str
    used: str
    expired: str
    foreign: str = "This was begun in another browser. Go on there, or begin again here."


@dataclass(frozen=True)
class SecretTable:
    """The SQL of a table of secrets.

    `find` selects `holder` (a digest; NULL: anybody), `used_at` and `expires_at` by digest $1 and purpose $2.
    `use` sets `used_at` to $2 in the row with digest $1 and returns a row, unless it was used before.
    """

    find: str
    use: str

    async def check(
        self, purpose: str, secret: str, holder: str | None, now: datetime, refusals: Refusals
    ) -> Record:
        """The row of a secret that `holder` could use now. Raises StateRefusedError."""
        row = await current_database().fetchrow(self.find, digest_of(secret), purpose)
        if row is None:
            raise StateRefusedError(refusals.unknown)
        if row["holder"] not in (None, digest_of(holder or "")):
            raise StateRefusedError(refusals.foreign)
        if row["used_at"] is not None:
            raise StateRefusedError(refusals.used)
        if row["expires_at"] <= now:
            raise StateRefusedError(refusals.expired)
        return row

    async def spend(
        self, purpose: str, secret: str, holder: str | None, now: datetime, refusals: Refusals
    ) -> Record:
        """The row of a secret, and nobody can use it again. Raises StateRefusedError without spending it."""
        row = await self.check(purpose, secret, holder, now, refusals)
        # Of several requests that pass the check at once, one updates the row.
        if await current_database().fetchval(self.use, digest_of(secret), now) is None:
            raise StateRefusedError(refusals.used)
        return row


def make_secret() -> str:
    """A new secret of SECRET_LENGTH characters, which fit into an address."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """The SHA-256 of a secret, by which the database recognizes it."""
    return hashlib.sha256(secret.encode()).digest()
