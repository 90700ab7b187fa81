"""`GET /metrics`, for Prometheus: with its token from anywhere, without one from this machine only."""

import hmac
from ipaddress import ip_address

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import SecretStr
from quart import Blueprint, Quart, Request, Response, request

from bot.metrics import Exposition

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""A proxy on this machine says with one of these that somebody else asks."""


def metrics_blueprint(exposition: Exposition, token: SecretStr | None) -> Blueprint:
    """`GET /metrics`. Whoever may not read them gets 401 or 403; 503 where Postgres does not answer."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    async def metrics() -> Response:
        refusal = _refuse(request, token)
        if refusal is not None:
            return refusal
        text = await exposition.text()
        if text is None:
            return Response("Postgres does not answer\n", status=503, mimetype="text/plain")
        return Response(text, content_type=CONTENT_TYPE_LATEST)

    return blueprint


def create_metrics_web(exposition: Exposition, token: SecretStr | None) -> Quart:
    """`GET /metrics` and nothing else, for a process that serves nothing else."""
    web = Quart("ripe-metrics")
    web.register_blueprint(metrics_blueprint(exposition, token))
    return web


def _refuse(asked: Request, token: SecretStr | None) -> Response | None:
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
