"""Whether this process lives, whether it can do its work, and how that work stands."""

import asyncio
import math
import time

from quart import Blueprint, Response, jsonify, request

from bot.app import App
from bot.doctor.doctor import OPERATIONS, examine
from bot.doctor.model import Finding, State, overall
from bot.doctor.ports import DoctorPorts
from bot.web.operators import refuse_stranger
from jobq import Database

ANSWERS_WITHIN = 2.0
"""Seconds."""
KEPT_FOR = 5.0
"""Seconds for which an examination is good: however many ask, Postgres is asked no more often."""


def health_blueprint(database: Database) -> Blueprint:
    """`GET /livez` asks nobody; `GET /readyz` asks Postgres."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/livez")
    async def livez() -> Response:
        return Response("alive\n", mimetype="text/plain")

    @blueprint.get("/readyz")
    async def readyz() -> Response:
        question = asyncio.ensure_future(database.fetchval("SELECT 1"))
        # Not wait_for: a cancelled query waits for the server, which is just what may be stuck.
        await asyncio.wait([question], timeout=ANSWERS_WITHIN)
        if question.done() and question.exception() is None:
            return Response("ready\n", mimetype="text/plain")
        return Response("Postgres does not answer\n", status=503, mimetype="text/plain")

    return blueprint


def findings_blueprint(app: App) -> Blueprint:
    """`GET /health`, for operators: what `ripe doctor` says of database, queue and webhooks, as JSON.

    503 where something has failed. Guarded as /metrics is.
    """
    blueprint = Blueprint("findings", __name__)
    examination = _Examination(
        DoctorPorts(app.settings, app.clock, app.database, None, app.github, app.slack)
    )

    @blueprint.get("/health")
    async def health() -> Response:
        if (refusal := refuse_stranger(request, app.settings.metrics_token)) is not None:
            return refusal
        findings = await examination.findings()
        state = overall(findings)
        answer = jsonify({"state": state, "findings": [finding.model_dump() for finding in findings]})
        answer.status_code = 503 if state is State.FAILED else 200
        return answer

    return blueprint


class _Examination:
    """All who ask at once share one examination."""

    def __init__(self, ports: DoctorPorts) -> None:
        self._ports = ports
        self._task: asyncio.Task[list[Finding]] | None = None
        self._asked_at = -math.inf

    async def findings(self) -> list[Finding]:
        is_old = time.monotonic() - self._asked_at >= KEPT_FOR
        if self._task is None or (is_old and self._task.done()):
            self._asked_at = time.monotonic()
            self._task = asyncio.create_task(examine(self._ports, OPERATIONS, within=ANSWERS_WITHIN))
        # Shielded: one who does not wait for it must not end it for the others.
        return await asyncio.shield(self._task)
