"""How a call goes wrong, as the caller meets it on the wire."""

import asyncio
from typing import Self

from quart import Response, jsonify

from bot.sandbox.slack.model import Fault


async def disturb(fault: Fault) -> Response:
    """The answer in place of the right one, if there is any."""
    match fault.kind:
        case "ratelimited":
            limited = jsonify({"ok": False, "error": "ratelimited"})
            limited.status_code = 429
            limited.headers["Retry-After"] = str(fault.retry_after)
            return limited
        case "error":
            return Response("the sandbox was asked to fail\n", status=fault.status)
        case "hang":
            # Quart cancels this once whoever asks has gone away.
            await asyncio.Event().wait()
    return Response(_NeverComes(), headers={"Content-Length": "1000", "Content-Type": "application/json"})


class _NeverComes:
    """A body: Quart drops the response at a time-out, and the server then drops the connection."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise TimeoutError
