"""Whether this process lives, and whether it can do its work."""

import asyncio

from quart import Blueprint, Response

from jobq import Database

ANSWERS_WITHIN = 2.0
"""Seconds."""


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
