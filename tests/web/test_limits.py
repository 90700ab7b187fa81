"""The limits of a request from strangers: size, speed, Host; and signed deliveries beside such requests."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from quart import Quart, request

from bot.clock import Clock
from bot.github.signature import sign
from bot.web.app import CAPS
from bot.web.bodies import BODY_SECONDS
from bot.web.limits import LARGEST_BODY, limit_requests
from bot.web.server import serving
from bot.web.webhooks import PATH, accept_webhooks
from jobq import Database, Queue
from tests.payloads import pull_request_payload
from tests.promises import Promise
from tests.web.raw_http import ask, connected, head, read_status

SECRET = SecretStr("secret")
MIB = 1024 * 1024
JSON = "Content-Type: application/json"
FORGED = "X-Hub-Signature-256: sha256=" + "0" * 64
WITHIN = 5.0
"""Seconds for a signed delivery, beside anything that strangers do."""


@asynccontextmanager
async def receiving(db: Database, within: float = BODY_SECONDS) -> AsyncIterator[str]:
    web = Quart("test")
    accept_webhooks(web, [SECRET], Queue(db), Clock())

    @web.post("/echo")
    async def echo() -> str:
        return str(len(await request.get_data(as_text=False)))

    @web.get("/hello")
    async def hello() -> str:
        return "hello"

    limit_requests(web, CAPS, within=within)
    with db.ambient():
        async with serving(web) as url:
            yield url


@pytest.fixture
async def url(db: Database) -> AsyncIterator[str]:
    async with receiving(db) as address:
        yield address


def padded(size: int) -> bytes:
    body = json.dumps(pull_request_payload("opened")).encode()
    return body[:-1] + b" " * (size - len(body)) + body[-1:]


def signed(body: bytes, guid: str = "guid") -> bytes:
    signature = f"X-Hub-Signature-256: {sign(body, SECRET)}"
    names = (f"X-GitHub-Delivery: {guid}", "X-GitHub-Event: pull_request", f"Content-Length: {len(body)}")
    return head("POST", PATH, JSON, signature, *names) + body


def unsigned(size: int, *, path: str = PATH) -> bytes:
    return head("POST", path, JSON, FORGED, f"Content-Length: {size}")


@pytest.mark.parametrize(
    ("path", "cap"),
    [
        (PATH, 25 * MIB),
        ("/slack/events", MIB),
        ("/github/link", 16 * 1024),
        ("/github/join/choose", 16 * 1024),
        ("/setup/slack", LARGEST_BODY),
        ("/page/github/merge", LARGEST_BODY),
        ("/hello", LARGEST_BODY),
        ("/nowhere", LARGEST_BODY),
    ],
)
async def test_a_body_over_the_cap_of_its_path_is_refused_before_it_is_sent(
    url: str, path: str, cap: int
) -> None:
    assert await ask(url, unsigned(cap + 1, path=path), WITHIN) == 413


async def test_a_body_of_unknown_length_is_refused_once_it_is_over_the_cap(url: str) -> None:
    part = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    request = head("POST", "/echo", "Transfer-Encoding: chunked")
    assert await ask(url, request + 3 * part, WITHIN) == 413
    assert await ask(url, request + part + b"0\r\n\r\n", WITHIN) == 200


async def test_a_sender_that_is_still_sending_sees_the_refusal(url: str) -> None:
    assert await ask(url, unsigned(26 * MIB) + b" " * (26 * MIB), WITHIN) == 413
    without_signature = head("POST", PATH, JSON, f"Content-Length: {8 * MIB}") + b" " * (8 * MIB)
    assert await ask(url, without_signature, WITHIN) == 401


async def test_the_connection_of_a_refused_body_ends_while_its_sender_goes_on(url: str) -> None:
    part = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    async with asyncio.timeout(WITHIN), connected(url) as (reader, writer):
        writer.write(head("POST", "/echo", "Transfer-Encoding: chunked") + 200 * part)
        assert await read_status(reader) == 413
        with contextlib.suppress(ConnectionError):
            await reader.read()


@pytest.mark.parametrize("sent", [0, 10, 5_000])
async def test_half_a_body_is_refused_in_time(db: Database, sent: int) -> None:
    async with receiving(db, within=0.2) as url:
        assert await ask(url, unsigned(10_000) + b"x" * sent, WITHIN) == 408


async def test_a_drip_is_refused_in_time(db: Database) -> None:
    async with receiving(db, within=0.3) as url, connected(url) as (reader, writer):
        writer.write(unsigned(10_000, path="/echo"))
        answer = asyncio.create_task(read_status(reader))
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait({answer}, timeout=0.05)
        assert answer.result() == 408


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "a" * 64 + ".example:80", "[", "\xe9", "a b"])
async def test_a_host_that_is_no_name_is_refused(url: str, host: str) -> None:
    assert await ask(url, head("GET", "/hello", host=host)) in {400, 403}


@pytest.mark.parametrize("host", ["a" * 63, "ripe.example:80", "[::1]:80", "a_b.example.", "127.0.0.1"])
async def test_every_name_and_address_is_a_host(url: str, host: str) -> None:
    assert await ask(url, head("GET", "/hello", host=host)) == 200


async def test_nobody_can_switch_to_http_2(url: str) -> None:
    upgrade = ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert await ask(url, head("GET", "/hello", *upgrade)) == 200
    assert await ask(url, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 400


@asynccontextmanager
async def stalled(url: str, count: int, sent: int) -> AsyncIterator[None]:
    """Strangers that promise 24 MiB each, send a part, and then a byte now and then."""
    async with AsyncExitStack() as stack:
        writers = [(await stack.enter_async_context(connected(url)))[1] for _ in range(count)]

        async def drip(writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(unsigned(24 * MIB) + b" " * sent)
                while True:
                    await writer.drain()
                    writer.write(b" ")
                    await asyncio.sleep(0.1)

        drips = [asyncio.create_task(drip(writer)) for writer in writers]
        await asyncio.sleep(0.2)
        try:
            yield
        finally:
            for task in drips:
                task.cancel()
            await asyncio.wait(drips)


@pytest.mark.parametrize(("strangers", "sent"), [(2, 1), (40, 1), (3, 20 * MIB), (40, 2 * MIB)])
async def test_strangers_that_stall_do_not_hold_up_a_signed_delivery(
    url: str, strangers: int, sent: int
) -> None:
    async with stalled(url, strangers, sent):
        for size in (10_000, 2 * MIB, 24 * MIB):
            assert await ask(url, signed(padded(size), f"guid-{size}"), WITHIN) == 202


def resident() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@asynccontextmanager
async def watching_memory(grown: list[int]) -> AsyncIterator[None]:
    """Afterwards `grown` has the bytes by which this process had grown at most."""
    before = highest = resident()
    stop = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not stop.wait(0.01):
            highest = max(highest, resident())

    watcher = asyncio.get_running_loop().run_in_executor(None, watch)
    try:
        yield
    finally:
        stop.set()
        await watcher
        grown.append(highest - before)


@pytest.mark.parametrize("count", [8, pytest.param(40, marks=pytest.mark.torture)])
async def test_unsigned_bodies_buy_little_memory(url: str, promise: Promise, count: int) -> None:
    body = b" " * (24 * MIB)
    grown: list[int] = []
    delivery = signed(padded(2 * MIB))
    async with watching_memory(grown):
        flood = [asyncio.create_task(send(url, unsigned(24 * MIB), body)) for _ in range(count)]
        await asyncio.sleep(0.1)
        good = await ask(url, delivery, WITHIN)
        answers = await asyncio.gather(*flood)
    figure = f"+{grown[0] / MIB:.0f} MiB, a signed one beside: {good}"
    promise("W10", f"{count} unsigned bodies of 24 MiB at once", figure)
    assert set(answers) <= {401, 408, 503, 0}
    assert good == 202
    assert grown[0] <= 256 * MIB


async def send(url: str, first: bytes, body: bytes) -> int:
    """Like `ask`, with a body that is not copied. A refusal must end the connection, else TimeoutError."""
    async with connected(url) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            writer.write(first)
            for start in range(0, len(body), 65_536):
                writer.write(body[start : start + 65_536])
                await writer.drain()
        status = await read_status(reader)
        if status in {408, 413, 503}:
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(WITHIN):
                    await reader.read()
        return status


@pytest.mark.parametrize("count", [3, pytest.param(8, marks=pytest.mark.torture)])
async def test_big_signed_bodies_are_all_accepted(
    db: Database, url: str, promise: Promise, count: int
) -> None:
    body = padded(24 * MIB)
    grown: list[int] = []
    requests = [signed(body, f"guid-{number}") for number in range(count)]
    heads = [request[: -len(body)] for request in requests]
    requests.clear()
    async with watching_memory(grown):
        answers = await asyncio.gather(*(send(url, first, body) for first in heads))
    stored = await db.fetchval("SELECT count(*) FROM delivery")
    figure = f"{answers.count(202)} accepted, +{grown[0] / MIB:.0f} MiB; 26 MiB: 413"
    promise("W8", f"{count} signed bodies of 24 MiB at once", figure)
    assert answers == [202] * count
    assert stored == count
    assert grown[0] <= 256 * MIB


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.torture)])
async def test_half_open_requests_hold_nobody_up(url: str, promise: Promise, count: int) -> None:
    halves = (b"", b"POST " + PATH.encode(), head("POST", PATH, JSON)[:-2], unsigned(1_000) + b"x")
    async with AsyncExitStack() as stack:
        open_ = [await stack.enter_async_context(connected(url)) for _ in range(count)]
        for number, (_, writer) in enumerate(open_):
            writer.write(halves[number % len(halves)])
        started = asyncio.get_running_loop().time()
        answers = [await ask(url, signed(padded(5_000), f"guid-{n}"), WITHIN) for n in range(count // 5)]
        if count >= 500:
            await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in open_)), 15)
        took = asyncio.get_running_loop().time() - started
    figure = f"{len(answers) - answers.count(202)} deliveries failed, all closed in {took:.1f} s"
    promise("W9", f"{count} half-open requests", figure)
    assert set(answers) == {202}
    assert took <= 10
