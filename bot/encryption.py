"""Encrypts what may not lie readable in Postgres.

The first key encrypts, all decrypt, so that a key is replaced by putting a new one before it and is dropped
once every process was started with both.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr


class Undecryptable(Exception):
    """None of the keys fits."""


class Cipher:
    """`keys` are Fernet keys, the newest first; at least one."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        fernets = [Fernet(key.get_secret_value()) for key in keys]
        self._newest, self._all = fernets[0], MultiFernet(fernets)

    def encrypt(self, secret: SecretStr) -> bytes:
        """With the newest key."""
        return self._newest.encrypt(secret.get_secret_value().encode())

    def decrypt(self, sealed: bytes | str, life: timedelta | None = None) -> SecretStr:
        """With any key. Raises Undecryptable; with `life` also for what is older than that."""
        try:
            ttl = None if life is None else int(life.total_seconds())
            return SecretStr(self._all.decrypt(sealed, ttl=ttl).decode())
        except InvalidToken:
            raise Undecryptable from None

    def is_newest(self, sealed: bytes) -> bool:
        """Whether it is encrypted with the newest key already."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def renew(self, sealed: bytes) -> bytes:
        """The same, encrypted with the newest key. Raises Undecryptable."""
        try:
            return self._all.rotate(sealed)
        except InvalidToken:
            raise Undecryptable from None


def find_secret_key(home: Path) -> list[SecretStr]:
    """The same key for a process that was not told of it; empty where none was made."""
    path = home / "secret-key"
    return [SecretStr(path.read_text())] if path.exists() else []
