"""`/livez`: the process lives. `/readyz`: it can do its work. `/health`: how the work stands."""

import asyncio

from quart import Blueprint, Response, jsonify, request

from bot.app import App
from bot.doctor.doctor import OPERATIONS, examine
from bot.doctor.model import State, overall
from bot.doctor.ports import DoctorPorts
from bot.flows.shared_answer import SharedAnswer
from bot.web.operators import refuse_stranger
from bot.web.origin import guard_answers
from jobq import Database, is_transient

ANSWERS_WITHIN = 2.0
"""Seconds."""


def health_blueprint(database: Database, public_url: str | None = None) -> Blueprint:
    """`GET /livez`, which asks nobody, and `GET /readyz`, which asks Postgres."""
    blueprint = Blueprint("health", __name__)
    guard_answers(blueprint, public_url)

    @blueprint.get("/livez")
    async def livez() -> Response:
        return Response("alive\n", mimetype="text/plain")

    @blueprint.get("/readyz")
    async def readyz() -> Response:
        try:
            await database.run_within(database.check_writable(), ANSWERS_WITHIN)
        except Exception as error:
            if not (is_transient(error) or isinstance(error, OSError)):
                raise
            return Response("Postgres does not answer, or takes no writes\n", 503, mimetype="text/plain")
        return Response("ready\n", mimetype="text/plain")

    return blueprint


def findings_blueprint(app: App) -> Blueprint:
    """`GET /health`, for operators: what `ripe doctor` says of database, queue and webhooks, as JSON.

    503 if anything has failed. Guarded like /metrics.
    """
    blueprint = Blueprint("findings", __name__)
    ports = DoctorPorts(app.settings, app.clock, app.database, None, app.github, app.slack)
    examination = SharedAnswer(lambda: examine(ports, OPERATIONS, within=ANSWERS_WITHIN))

    @blueprint.get("/health")
    async def health() -> Response:
        if (refusal := refuse_stranger(request, app.settings.metrics_token)) is not None:
            return refusal
        # Shielded: a caller that goes away must not end the examination for the others.
        findings = await asyncio.shield(examination.ask())
        state = overall(findings)
        answer = jsonify({"state": state, "findings": [finding.model_dump() for finding in findings]})
        answer.status_code = 503 if state is State.FAILED else 200
        return answer

    return blueprint
