"""Speaks HTTP/1.1, and ends connections whose client is silent, slow or odd.

Uvicorn parses (with llhttp) and answers. It waits for ever for the rest of a request, takes heads of any
size, and logs a line for each odd one, so our protocol adds limits. One look a second serves all connections.
"""

import asyncio
import math
import socket
from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from bot.web.asgi import ASGIApp, Receive, Scope, Send
from bot.web.bodies import BODY_SECONDS

HEAD_SECONDS = 5.0
"""From the connection, or from the first byte of a further request, to the end of the head."""
LAST_BODY_SECONDS = BODY_SECONDS + 2
"""From the end of the head to the end of the body. The application refuses a late body sooner."""
READ_SECONDS = 15.0
"""How long an answer may wait for its reader."""
KEEP_ALIVE_SECONDS = 5
"""How long a connection may wait for its next request."""
LARGEST_HEAD = 16 * 1024
"""Bytes."""
MOST_WAITING = 16
"""Requests of one connection that wait for an answer before them. Few clients send more than one at once."""
LOOK_EVERY = 1.0


class Http1Protocol(HttpToolsProtocol):
    """One connection."""

    _request_ends_at = math.inf
    _answer_ends_at = math.inf
    _head_size = 0
    _is_in_head = True

    @property
    def ends_at(self) -> float:
        """When it is cut, by the clock of the loop."""
        return min(self._request_ends_at, self._answer_ends_at)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        # Head and body are written one after the other. asyncio does this only for sockets that name TCP.
        if (connection := transport.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request_ends_at = self.loop.time() + HEAD_SECONDS

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, but without a log line for each odd request, and with a limit for the head."""
        self._unset_keepalive_if_required()
        if self._is_in_head:
            self._head_size += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP/1.1")
        else:
            if self._is_in_head and self._head_size > LARGEST_HEAD:
                self._refuse(431, "the head is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._is_in_head:
            self._is_in_head, self._head_size = True, 0
            self._request_ends_at = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._request_ends_at = self.loop.time() + LAST_BODY_SECONDS
        # The size so far may count a part of the body that came with the end of the head.
        if self._head_size > LARGEST_HEAD and _size_of(self.headers) > LARGEST_HEAD:
            raise ValueError("the head is too large")
        if len(self.pipeline) >= MOST_WAITING:
            raise ValueError("too many requests at once")
        if not self._ignores_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._ignores_upgrade():
            self._request_ends_at = math.inf
            super().on_message_complete()

    def pause_writing(self) -> None:
        self._answer_ends_at = self.loop.time() + READ_SECONDS
        super().pause_writing()

    def resume_writing(self) -> None:
        self._answer_ends_at = math.inf
        super().resume_writing()

    def _ignores_upgrade(self) -> bool:
        return self.parser.should_upgrade() and not self._should_upgrade()

    def _upgrade(self, rest: bytes) -> None:
        """Only to a websocket. Any other request is read again without its wish, as RFC 9110 7.8 wants it.

        The parser takes its body for another protocol.
        """
        if self._should_upgrade():
            self._request_ends_at = math.inf
            self.handle_websocket_upgrade()
            return
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400, "this is no proxy")
            return
        lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", b""]) + rest)

    def _refuse(self, status: int, reason: str) -> None:
        if self.transport.is_closing():
            return
        text = f"{reason}\n".encode()
        head = b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(text)
        if self._is_next_to_answer():
            self.transport.write(STATUS_LINE[status] + head + text)
        self.transport.close()

    def _is_next_to_answer(self) -> bool:
        """Whether an answer now is that of the odd request, and not of one before it."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        if self.pipeline or self.cycle.response_started or not self.cycle.more_body:
            return False
        self.cycle.disconnected = True  # the application has begun with the odd request itself
        self.cycle.message_event.set()
        return True


def _size_of(headers: Sequence[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


async def serve_http(
    app: ASGIApp, listening: socket.socket, stop: asyncio.Event, grace: float, *, websockets: bool
) -> None:
    """Serve `app` until `stop` is set. Then idle connections end at once, running requests within `grace`."""
    config = Config(
        _ending_quietly(app),
        interface="asgi3",
        http=Http1Protocol,
        ws="wsproto" if websockets else "none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Http1Protocol(config, state, {}), sock=listening, backlog=config.backlog
    )
    looking = loop.create_task(_look_after(state))
    try:
        await stop.wait()
    finally:
        looking.cancel()
        server.close()
        await _end(state, grace)


async def _look_after(state: ServerState) -> None:
    loop = asyncio.get_running_loop()
    while True:
        state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        now = loop.time()
        for connection in tuple(state.connections):
            if isinstance(connection, Http1Protocol) and connection.ends_at <= now:
                connection.transport.abort()
        await asyncio.sleep(LOOK_EVERY)


async def _end(state: ServerState, grace: float) -> None:
    for connection in tuple(state.connections):
        connection.shutdown()
    if state.tasks:
        await asyncio.wait(tuple(state.tasks), timeout=grace)
    for connection in tuple(state.connections):
        connection.transport.abort()
    await asyncio.sleep(0)  # the requests that are left learn that their clients are gone
    await _cancel(tuple(state.tasks))


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _ending_quietly(app: ASGIApp) -> ASGIApp:
    """Uvicorn would log the traceback of each request that we cancel at the end."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return run
