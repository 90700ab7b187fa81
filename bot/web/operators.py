"""Guards the routes for operators: they need METRICS_TOKEN or, if it is not set, this machine."""

import hmac

from pydantic import SecretStr
from quart import Request, Response

from bot.web.origin import is_this_machine


def refuse_stranger(asked: Request, token: SecretStr | None) -> Response | None:
    """The answer 401 or 403 for a stranger; None: the request may go on."""
    if token is not None:
        if _has_token(asked, token):
            return None
        return Response("METRICS_TOKEN is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    if is_this_machine(asked):
        return None
    return Response("Without METRICS_TOKEN only this machine may look\n", status=403)


def _has_token(asked: Request, token: SecretStr) -> bool:
    scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
    # As bytes: compare_digest refuses text that is not ASCII, and headers are read as Latin-1.
    is_same = hmac.compare_digest(
        given.strip().encode("latin-1", "replace"), token.get_secret_value().encode()
    )
    return is_same and scheme.lower() == "bearer"
