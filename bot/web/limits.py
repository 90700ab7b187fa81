"""Limits in front of every route: whom a request may address, and how large and slow its body may be."""

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import ClassVar, cast

from quart import Quart

from bot.web.asgi import ASGIApp, Event, Receive, Scope, Send
from bot.web.bodies import BODY_SECONDS, Body, BodyMemory

LARGEST_BODY = 64 * 1024
"""Bytes, on a path without a cap of its own. Bodies that promise no more are not counted: Quart alone reads
them, within BODY_TIMEOUT."""
DROP_FOR = 5.0
"""Seconds for which the rest of a refused body is read."""
LINGER = 1.0
"""Seconds in which the rest of a refused body is read and dropped, so that its sender sees the answer."""

VERSIONS = frozenset({"1.0", "1.1"})
_HOST = re.compile(
    # An address, or a name whose labels have at most 63 characters: Werkzeug fails on longer ones.
    rb"(\[[0-9A-Fa-f:.]{2,45}\]?|(?=.{1,253}(:|$))[\w-]{1,63}(\.[\w-]{1,63})*\.?)(:[0-9]{1,5})?|"
)
_LONG_NAME = re.compile("[^/]{256}")
"""No page has such a name, and file systems fail on it."""
_REASONS = {
    400: "only HTTP/1.1 is spoken here, with one Host",
    403: "the Host is no name of this server",
    404: "there is no such page",
    408: "the body came too slowly",
    413: "the body is too large",
    503: "too many bodies arrive at once",
}


def limit_requests(
    web: Quart,
    caps: Mapping[str, int] | None = None,
    otherwise: int = LARGEST_BODY,
    *,
    within: float = BODY_SECONDS,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Put the limits in front of all routes of `web`.

    `caps` are bytes by path. A path that ends with a slash is that of everything under it. A body must arrive
    `within` seconds. Each request is served in the context of `around`.
    """
    limits = _Limits(cast(ASGIApp, web.asgi_app), caps or {}, otherwise, within, around)
    # Quart's documented place for middleware. Its own cap is one for all paths.
    web.asgi_app = limits  # type: ignore[method-assign, assignment]
    web.config["MAX_CONTENT_LENGTH"] = max(otherwise, *(caps or {}).values(), 0)
    web.config["BODY_TIMEOUT"] = within


class _Limits:
    def __init__(
        self,
        app: ASGIApp,
        caps: Mapping[str, int],
        otherwise: int,
        within: float,
        around: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._app = app
        self._caps = caps
        self._otherwise = otherwise
        self._within = within
        self._around = around
        self._memory = BodyMemory()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cap, length, refusal = (0, 0, None) if scope["type"] == "lifespan" else self._examine(scope)
        with self._around():
            if refusal is not None and scope["type"] == "http":
                await _refuse(refusal, receive, send)
            elif refusal is not None:
                await send({"type": "websocket.close", "code": 1008, "reason": None})
            elif length <= LARGEST_BODY:
                await self._app(scope, receive, send)
            else:
                await self._serve_counted(cap, scope, receive, send)

    def _examine(self, scope: Scope) -> tuple[int, float, int | None]:
        """The cap of a request's path, the length of its body, and the status with which it is refused."""
        headers, path = dict(scope["headers"]), scope["path"]
        hosts = [name for name, _ in scope["headers"]].count(b"host")
        cap = self._caps.get(path) or self._find_cap(path)
        length = float(headers.get(b"content-length", b"inf" if b"transfer-encoding" in headers else b"0"))
        # Of several Hosts, we and a proxy before us might each believe another one.
        if (
            scope["http_version"] not in VERSIONS
            or hosts > 1
            or (hosts == 0 and scope["http_version"] > "1.0")
        ):
            return cap, length, 400
        if not _HOST.fullmatch(headers.get(b"host", b"")):
            return cap, length, 403
        if _LONG_NAME.search(path):
            return cap, length, 404
        return cap, length, 413 if cap < length < math.inf else None

    async def _serve_counted(self, cap: int, scope: Scope, receive: Receive, send: Send) -> None:
        ends_at = asyncio.get_running_loop().time() + self._within
        exchange = _Exchange(self._memory, Body(ends_at), cap, receive, send)
        with self._memory.entered(exchange.body):
            await self._app(scope, exchange.receive, exchange.send)
        await exchange.end()

    def _find_cap(self, path: str) -> int:
        folders = (cap for name, cap in self._caps.items() if name.endswith("/") and path.startswith(name))
        return next(folders, self._otherwise)


class _Exchange:
    """A request and its answer. If the body is refused, the application sees a client that has gone."""

    def __init__(self, memory: BodyMemory, body: Body, cap: int, receive: Receive, send: Send) -> None:
        self.body = body
        self._memory = memory
        self._cap = cap
        self._receive = receive
        self._send = send
        self._is_answered = False
        self._end_of_body = asyncio.Event()

    async def receive(self) -> Event:
        """The next part of the body."""
        if self.body.is_complete:
            return await self._receive()
        event: Event = {"type": "http.disconnect"}
        if self.body.refusal is None:
            async with self.body.arriving():
                event = await self._receive()
                if event["type"] == "http.request":
                    event = await self._take(event)
        return event if self.body.refusal is None else {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        """Send a part of the answer. An answer that came before the end of the body ends after it."""
        self._is_answered = True
        if event["type"] == "http.response.body" and not event.get("more_body", False):
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._end_of_body.wait()
        await self._send(event)

    async def end(self) -> None:
        """Answer a refused body if the application has not answered it, and drop what is left of it."""
        if self.body.is_complete:
            return
        if self.body.refusal is not None and not self._is_answered:
            await _refuse(self.body.refusal, self._receive, self._send)
        else:
            _Rest(self._receive)

    async def _take(self, event: Event) -> Event:
        if not event.get("more_body", False):
            self.body.is_complete = True
            self._end_of_body.set()
        if self._is_answered:
            return {**event, "body": b""}
        await self._memory.take(self.body, len(event["body"]))
        if self.body.held > self._cap:
            self.body.refusal = 413
        return event


async def _refuse(status: int, receive: Receive, send: Send) -> None:
    text = f"{_REASONS[status]}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    headers += [(b"connection", b"close"), *([(b"retry-after", b"5")] if status == 503 else [])]
    rest = _Rest(receive)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": True})
    if status == 413:
        await rest.wait_for_end(LINGER)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Rest:
    """The rest of a body, which is read and dropped until the connection ends."""

    _running: ClassVar[set[asyncio.Task[None]]] = set()

    def __init__(self, receive: Receive) -> None:
        self._end = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._drop(receive))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def wait_for_end(self, within: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._end.wait()

    async def _drop(self, receive: Receive) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DROP_FOR):
                while (event := await receive())["type"] == "http.request":
                    if not event.get("more_body", False):
                        self._end.set()
        self._end.set()
