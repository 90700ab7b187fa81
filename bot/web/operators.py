"""Who may read what operators read: with METRICS_TOKEN from anywhere, without one from this machine only."""

import hmac
from ipaddress import ip_address

from pydantic import SecretStr
from quart import Request, Response

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""A proxy on this machine says with one of these that somebody else asks."""


def refuse_stranger(asked: Request, token: SecretStr | None) -> Response | None:
    """401 or 403 for whoever may not read, or None."""
    if token is not None:
        if _has_token(asked, token):
            return None
        return Response("METRICS_TOKEN is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    if _is_local(asked):
        return None
    return Response("Without METRICS_TOKEN only this machine may look\n", status=403)


def _has_token(asked: Request, token: SecretStr) -> bool:
    scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
    # Bytes, as they came: compare_digest refuses text that is not ASCII, and headers are read as Latin-1.
    is_same = hmac.compare_digest(
        given.strip().encode("latin-1", "replace"), token.get_secret_value().encode()
    )
    return is_same and scheme.lower() == "bearer"


def _is_local(asked: Request) -> bool:
    if any(name in asked.headers for name in FORWARDED):
        return False
    try:
        return ip_address(asked.remote_addr or "").is_loopback
    except ValueError:
        return False
