"""Routes that check a signature and store nothing, on our server: `python -m bench.bare KIND PORT`.

`quart` is a route of Quart. `asgi` is the least that can be served: a function that answers.
"""

import asyncio
import hashlib
import hmac
import sys
from typing import Any

import uvloop
from pydantic import SecretStr
from quart import Quart, request

from bench.deliveries import SECRET
from bot.github.signature import is_signed
from bot.web.server import serve_until

PATH = "/github/webhooks"


def make_quart() -> Quart:
    """One route."""
    web = Quart("bare")

    @web.post(PATH)
    async def accept() -> tuple[str, int]:
        body: bytes = await request.body
        if not is_signed(body, request.headers.get("X-Hub-Signature-256"), [SecretStr(SECRET)]):
            return "not signed", 401
        return "accepted", 202

    return web


def make_asgi() -> Quart:
    """The same without a framework."""
    web = Quart("bare")

    async def accept(scope: Any, receive: Any, send: Any) -> None:
        check = hmac.new(SECRET.encode(), digestmod=hashlib.sha256)
        more = True
        while more:
            part = await receive()
            check.update(part["body"])
            more = part["more_body"]
        signature = dict(scope["headers"])[b"x-hub-signature-256"].decode()
        good = hmac.compare_digest(signature, "sha256=" + check.hexdigest())
        headers = [(b"content-length", b"8")]
        await send({"type": "http.response.start", "status": 202 if good else 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"accepted", "more_body": False})

    web.asgi_app = accept  # type: ignore[method-assign]
    return web


async def main(kind: str, port: str) -> None:
    """Serve until killed."""
    web = make_quart() if kind == "quart" else make_asgi()
    await serve_until(web, "127.0.0.1", int(port), asyncio.Event())


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
