"""The keys of the process: Fernet for secrets in Postgres, the App's private key, TLS for its requests."""

import ssl
from collections.abc import Sequence
from datetime import timedelta
from functools import cache, lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from bot.files import read_private


class UndecryptableError(Exception):
    """None of the keys fits."""


class Cipher:
    """Encrypts what may not lie readable in Postgres. `keys` are Fernet keys, the newest first; at least one.

    The first encrypts and all decrypt. To replace a key, put a new one before it, start every process with
    both, and then drop the old one.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        fernets = [Fernet(key.get_secret_value()) for key in keys]
        self._newest, self._all = fernets[0], MultiFernet(fernets)

    def encrypt(self, secret: SecretStr) -> bytes:
        """Encrypt with the newest key."""
        return self._newest.encrypt(secret.get_secret_value().encode())

    def decrypt(self, sealed: bytes | str, life: timedelta | None = None) -> SecretStr:
        """Decrypt with any key. Raises UndecryptableError if none fits, or if it was sealed before `life`."""
        try:
            ttl = None if life is None else int(life.total_seconds())
            return SecretStr(self._all.decrypt(sealed, ttl=ttl).decode())
        except (InvalidToken, ValueError):  # ValueError: it is not ASCII
            raise UndecryptableError from None

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key has encrypted it."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def renew(self, sealed: bytes) -> bytes:
        """The same secret, encrypted with the newest key. Raises UndecryptableError."""
        try:
            return self._all.rotate(sealed)
        except InvalidToken:
            raise UndecryptableError from None


def find_secret_key(home: Path) -> list[SecretStr]:
    """The key that `ripe up` made in its home, for a process without SECRET_KEYS; empty if it made none."""
    try:
        return [SecretStr(read_private(home / "secret-key"))]
    except FileNotFoundError:
        return []


@cache
def tls_context() -> ssl.SSLContext:
    """How every httpx client checks certificates: `httpx.AsyncClient(verify=tls_context())`.

    Made once: each context reads all root certificates, which takes 50 ms.
    """
    import httpx  # here, because most commands need none

    return httpx.create_ssl_context()


@lru_cache(maxsize=8)
def load_private_key(pem: str) -> RSAPrivateKey:
    """The key in `pem`. Raises ValueError or TypeError if there is none, or not the RSA key of a GitHub App.

    Kept, because loading a key checks its numbers, which takes 60 ms.
    """
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("a GitHub App signs with RSA")
    return key
