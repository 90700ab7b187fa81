"""Makes a call go wrong, as the caller meets it on the wire."""

import asyncio
from typing import Self

from quart import Response, jsonify

from bot.sandbox.slack.model import Fault


async def disturb(fault: Fault) -> Response:
    """The answer in place of the right one. It may never come."""
    match fault.kind:
        case "ratelimited":
            limited = jsonify({"ok": False, "error": "ratelimited"})
            limited.status_code = 429
            limited.headers["Retry-After"] = str(fault.retry_after)
            return limited
        case "error":
            return Response("the sandbox was asked to fail\n", status=fault.status)
        case "refused":
            return jsonify({"ok": False, "error": fault.code})
        case "hang":
            # Quart cancels this when the caller goes away.
            await asyncio.Event().wait()
    return Response(_NeverComes(), headers={"Content-Length": "1000", "Content-Type": "application/json"})


class _NeverComes:
    """A body that never comes: at its time-out Quart ends the response, and the server the connection."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise TimeoutError
