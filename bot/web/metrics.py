"""`GET /metrics`, for Prometheus: with its token from anywhere, without one from this machine only."""

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import SecretStr
from quart import Blueprint, Quart, Response, request

from bot.flows.metrics import Exposition
from bot.web.limits import limit_requests
from bot.web.operators import refuse_stranger


def metrics_blueprint(exposition: Exposition, token: SecretStr | None) -> Blueprint:
    """`GET /metrics`: 401 or 403 for a stranger, 503 if Postgres does not answer."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    async def metrics() -> Response:
        refusal = refuse_stranger(request, token)
        if refusal is not None:
            return refusal
        text = await exposition.text()
        if text is None:
            return Response("Postgres does not answer\n", status=503, mimetype="text/plain")
        return Response(text, content_type=CONTENT_TYPE_LATEST)

    return blueprint


def create_metrics_web(exposition: Exposition, token: SecretStr | None) -> Quart:
    """`GET /metrics` and nothing else, for the worker."""
    web = Quart("ripe-metrics")
    web.register_blueprint(metrics_blueprint(exposition, token))
    limit_requests(web)
    return web
