"""Checks that a delivery was signed by GitHub."""

import hashlib
import hmac
import re
from collections.abc import Iterable

from pydantic import SecretStr

_SHAPE = re.compile(r"sha256=[0-9a-f]{64}", re.ASCII)


def sign(body: bytes, secret: SecretStr) -> str:
    """The X-Hub-Signature-256 header for a body.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return "sha256=" + hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, header: str | None, secrets: Iterable[SecretStr]) -> bool:
    """Whether the raw body was signed with any of the secrets. A malformed header is no signature."""
    if header is None or _SHAPE.fullmatch(header) is None:
        return False
    # Every secret is tried, so that the time taken does not reveal which one fits.
    return any([hmac.compare_digest(header, sign(body, secret)) for secret in secrets])
