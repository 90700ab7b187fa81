"""A web server with scripted answers, for replies that no working Slack would give."""

import json
from typing import Any

from quart import Quart, Response, request

Reply = tuple[int, str, dict[str, str]]


def ok(**fields: Any) -> Reply:
    return 200, json.dumps({"ok": True, **fields}), {"Content-Type": "application/json"}


def error(code: str, status: int = 200, **headers: str) -> Reply:
    body = json.dumps({"ok": False, "error": code})
    return status, body, {"Content-Type": "application/json"} | headers


class Script:
    """Answers each call with the next reply, repeating the last one, and remembers the calls."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def web(self) -> Quart:
        web = Quart("scripted")

        @web.route("/<path:method>", methods=["GET", "POST"])
        async def answer(method: str) -> Response:
            sent = await request.get_json(silent=True) or dict(await request.form) or dict(request.args)
            self.calls.append((method, sent))
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            status, body, headers = reply
            return Response(body, status=status, headers=headers)

        return web
