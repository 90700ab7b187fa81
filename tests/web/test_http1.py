"""The protocol: odd heads, several requests on a connection, and when a connection is cut."""

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from quart import Quart, request
from uvicorn.config import Config
from uvicorn.server import ServerState

from bot.web.http1 import (
    HEAD_SECONDS,
    LARGEST_HEAD,
    LAST_BODY_SECONDS,
    MOST_WAITING,
    READ_SECONDS,
    Http1Protocol,
)
from bot.web.limits import limit_requests
from bot.web.server import serving
from tests.web.raw_http import ask, connected, head

WITHIN = 5.0


@pytest.fixture
async def url() -> AsyncIterator[str]:
    web = Quart("test")

    @web.post("/echo")
    async def echo() -> bytes:
        body: bytes = await request.body
        return body

    limit_requests(web)
    async with serving(web) as address:
        yield address


def echo(text: str, *headers: str) -> bytes:
    return head("POST", "/echo", f"Content-Length: {len(text)}", *headers) + text.encode()


async def exchange(url: str, *parts: bytes) -> bytes:
    """Everything that comes back until the server closes, or for half a second."""
    answer = b""
    async with connected(url) as (reader, writer):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.01)
        try:
            async with asyncio.timeout(0.5):
                while got := await reader.read(65_536):
                    answer += got
        except (TimeoutError, ConnectionError):
            pass
    return answer


async def test_two_requests_at_once_are_answered_in_order(url: str) -> None:
    answer = await exchange(url, echo("first") + echo("second", "Connection: close"))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"first") < answer.index(b"second")


async def test_a_request_before_an_odd_one_never_gets_the_answer_of_that(url: str) -> None:
    answer = await exchange(url, echo("first") + b"nonsense\r\n\r\n")
    assert answer.partition(b"\r\n")[0] in {b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK", b""}
    assert await ask(url, b"nonsense\r\n\r\n", WITHIN) == 400


async def test_a_request_may_come_byte_by_byte(url: str) -> None:
    whole = echo("slow", "Connection: close")
    assert (
        await exchange(url, *(whole[number : number + 9] for number in range(0, len(whole), 9)))
    ).endswith(b"slow")


@pytest.mark.parametrize("parts", [1, 40])
async def test_a_head_that_is_too_large_is_refused(url: str, parts: int) -> None:
    large = head("GET", "/", *(f"X-{number}: {'x' * 500}" for number in range(LARGEST_HEAD // 500 + 2)))
    sent = large if parts == 1 else large[: LARGEST_HEAD + 1]
    size = len(sent) // parts + 1
    answer = await exchange(url, *(sent[start : start + size] for start in range(0, len(sent), size)))
    assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 431"}
    endless = head("GET", "/", f"X: {'x' * 3 * LARGEST_HEAD}")[:-4]
    assert (await exchange(url, endless))[:12] == b"HTTP/1.1 431"


async def test_a_head_within_its_limit_may_come_with_a_large_body(url: str) -> None:
    text = "x" * 60_000
    assert (await exchange(url, echo(text, f"X: {'y' * 8_000}", "Connection: close"))).endswith(text.encode())


@pytest.mark.parametrize("hosts", [(), ("Host: a", "Host: b"), ("Host: a", "Host: a")])
async def test_a_request_has_one_host(url: str, hosts: tuple[str, ...]) -> None:
    lines = ["POST /echo HTTP/1.1", *hosts, "Content-Length: 0", "", ""]
    assert await ask(url, "\r\n".join(lines).encode(), WITHIN) == 400


async def test_a_health_check_of_http_1_0_needs_no_host(url: str) -> None:
    assert await ask(url, b"POST /echo HTTP/1.0\r\nContent-Length: 0\r\n\r\n", WITHIN) == 200


async def test_a_connection_with_too_many_requests_at_once_is_cut(url: str) -> None:
    assert (await exchange(url, MOST_WAITING * echo("x"))).count(b"HTTP/1.1 200") == MOST_WAITING
    assert (await exchange(url, 50 * MOST_WAITING * echo("x"))).count(b"HTTP/1.1 200") <= MOST_WAITING


@pytest.mark.parametrize("to", ["h2c", "websocket", "nonsense"])
async def test_a_request_to_upgrade_is_answered_as_any_other(url: str, to: str) -> None:
    answer = await exchange(url, echo("body", f"Upgrade: {to}", "Connection: Upgrade"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"body")


async def test_an_answer_has_a_date_and_names_no_server(url: str) -> None:
    answer = (await exchange(url, echo("x", "Connection: close"))).lower()
    assert b"\r\ndate: " in answer
    assert b"\r\nserver: " not in answer


class Wire(asyncio.Transport):
    """A transport that leads nowhere."""

    def write(self, data: Any) -> None:
        """Nobody reads it."""

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


@pytest.fixture
async def connection() -> Http1Protocol:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    config = Config(app, interface="asgi3", ws="none", lifespan="off", log_config=None)
    protocol = Http1Protocol(config, ServerState(), {})
    protocol.connection_made(Wire())
    return protocol


def left(connection: Http1Protocol) -> float:
    return connection.ends_at - connection.loop.time()


async def test_a_connection_has_a_moment_for_a_head_and_one_for_a_body(connection: Http1Protocol) -> None:
    assert 0 < left(connection) <= HEAD_SECONDS
    begun = connection.ends_at
    connection.data_received(b"POST / HTTP/1.1\r\n")
    connection.data_received(b"X: ")
    assert connection.ends_at == begun, "a drip wins no time"
    connection.data_received(b"y\r\nContent-Length: 3\r\n\r\n")
    assert HEAD_SECONDS < left(connection) <= LAST_BODY_SECONDS
    body = connection.ends_at
    connection.data_received(b"ab")
    assert connection.ends_at == body
    connection.data_received(b"c")
    assert left(connection) == math.inf
    connection.data_received(b"POST / H")
    assert 0 < left(connection) <= HEAD_SECONDS


async def test_a_reader_of_an_answer_has_a_moment(connection: Http1Protocol) -> None:
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert left(connection) == math.inf
    connection.pause_writing()
    assert 0 < left(connection) <= READ_SECONDS
    connection.resume_writing()
    assert left(connection) == math.inf


async def test_an_answer_in_two_parts_is_not_held_back() -> None:
    """Without TCP_NODELAY, the body waits up to 40 ms for the acknowledgement of the head."""
    made: asyncio.Queue[int] = asyncio.Queue()

    class Watched(Http1Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            connection = transport.get_extra_info("socket")
            made.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    config = Config(Quart("test"), lifespan="off", log_config=None)
    config.load()
    listening = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(
        lambda: Watched(config, ServerState(), {}), sock=listening
    )
    async with server:
        _, writer = await asyncio.open_connection(*listening.getsockname())
        async with asyncio.timeout(WITHIN):
            assert await made.get() == 1
        writer.close()
