"""Carries an application over HTTP with uvicorn, which only processes that serve import."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from bot.model import OperatorError

if TYPE_CHECKING:
    from quart import Quart

    from bot.web.asgi import ASGIApp

GRACE_SECONDS = 1.5
"""Seconds that a running request gets once we stop. Idle connections are closed at once."""
FIRST_PORT, PORTS = 20_000, 12_000
"""Below 32768, from which systems take the ports of outgoing connections."""
MOST_TRIES = 100


class PortInUseError(OperatorError):
    """Another process listens on this port."""


async def serve_until(
    app: "Quart", host: str, port: int, stop: asyncio.Event, grace: float = GRACE_SECONDS
) -> None:
    """Serve `app` until `stop` is set, then let running requests end. Raises PortInUseError."""
    await _serve(app, _listen(host, port), stop, grace)


@asynccontextmanager
async def serving(
    app: "Quart", host: str = "127.0.0.1", port: int = 0, grace: float = GRACE_SECONDS
) -> AsyncIterator[str]:
    """Serve `app` for as long as the block lasts; yields its base URL. Port 0 is any free one."""
    listening = _listen(host, port)
    address = f"http://{host}:{listening.getsockname()[1]}"
    stop = asyncio.Event()
    server = asyncio.create_task(_serve(app, listening, stop, grace))
    try:
        yield address
    finally:
        stop.set()
        await server


def check_port(host: str, port: int) -> None:
    """Raises PortInUseError if a process listens there."""
    _listen(host, port).close()


def is_free(host: str, port: int) -> bool:
    """Whether no process listens there at the moment."""
    try:
        check_port(host, port)
    except (PortInUseError, OverflowError):
        return False
    return True


def find_free_port(host: str) -> int:
    """A port that is free and stays free of outgoing connections. Raises PortInUseError."""
    for _ in range(MOST_TRIES):
        if is_free(host, port := FIRST_PORT + secrets.randbelow(PORTS)):
            return port
    raise PortInUseError(f"No free port was found on {host}. Set PORT to one.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise PortInUseError(
            f"Cannot listen on {host}:{port} ({error.strerror}). "
            "Stop what uses that port, or set PORT to another."
        ) from error


async def _serve(app: "Quart", listening: socket.socket, stop: asyncio.Event, grace: float) -> None:
    from bot.web.http1 import serve_http

    websockets = any(rule.websocket for rule in app.url_map.iter_rules())
    await app.startup()
    try:
        await serve_http(cast("ASGIApp", app), listening, stop, grace, websockets=websockets)
    finally:
        await app.shutdown()  # what `after_serving` asks for, such as to finish listeners and close clients
