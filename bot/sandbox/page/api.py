"""The sandbox's own routes: a snapshot of everything, and a clock that people may move."""

from datetime import timedelta
from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError
from quart import Blueprint, Response, jsonify, request

from bot.app import App
from bot.assignment.rules import describe_decision
from bot.assignment.store import list_assignments
from bot.clock import move_clock
from bot.encryption import tls_context
from bot.reviews.store import list_newest_pull_requests
from bot.web.origin import guard_sandbox_changes

ASKS_WITHIN = 5.0
"""Seconds for the sandbox's process, which is on this machine."""
MOST_SHOWN = 50
"""Pull requests, the newest ones."""


class Move(BaseModel):
    """How far ahead to move the clock."""

    days: float = Field(default=0, ge=0, le=366)
    hours: float = Field(default=0, ge=0, le=24 * 366)
    minutes: float = Field(default=0, ge=0, le=60 * 24)


def sandbox_blueprint(app: App, sandbox_url: str) -> Blueprint:
    """`GET /sandbox/state` and `POST /sandbox/clock`. Only the sandbox has them."""
    blueprint = Blueprint("sandbox", __name__)
    guard_sandbox_changes(blueprint)

    @blueprint.get("/sandbox/state")
    async def state() -> Response:
        async with httpx.AsyncClient(timeout=ASKS_WITHIN, trust_env=False, verify=tls_context()) as client:
            snapshot = (await client.get(f"{sandbox_url}/sandbox/world")).raise_for_status().json()
        return jsonify({"now": app.clock.now().isoformat(), "decisions": await _decisions(app), **snapshot})

    @blueprint.post("/sandbox/clock")
    async def clock() -> tuple[Response, int] | Response:
        try:
            move = Move.model_validate_json(await request.get_data(as_text=False))
        except ValidationError as error:
            return jsonify({"error": str(error.errors(include_url=False, include_input=False))}), 400
        shift = await move_clock(
            app.database, timedelta(days=move.days, hours=move.hours, minutes=move.minutes)
        )
        app.clock.shift = shift
        return jsonify({"now": app.clock.now().isoformat()})

    return blueprint


async def _decisions(app: App) -> list[dict[str, Any]]:
    now = app.clock.now()
    return [
        {
            "pull_request": pull_request.label,
            "decided_at": assignment.decided_at.isoformat(),
            "lines": describe_decision(assignment.decision, now),
            "decision": assignment.decision.model_dump(mode="json"),
        }
        for pull_request in await list_newest_pull_requests(app.workspace_id, MOST_SHOWN)
        for assignment in await list_assignments(pull_request.id)
    ]
