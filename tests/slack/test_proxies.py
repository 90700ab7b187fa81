"""Calls and answers to Slack go through the proxy that the environment names, except to this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from bot.settings import child_environment
from bot.slack.gateway import SlackGateway
from bot.slack.messages import render_text
from bot.slack.proxies import find_proxy
from bot.web.server import serving
from tests.slack.script import Script, ok

PROXY = "http://proxy.example:3128"
SLACK = "https://slack.com/api/"
NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
HELLO = render_text("hello")


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *map(str.lower, NAMES)):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, SLACK, None),
        ({"HTTPS_PROXY": PROXY}, SLACK, PROXY),
        ({"https_proxy": PROXY}, SLACK, PROXY),
        ({"HTTP_PROXY": PROXY}, SLACK, PROXY),
        ({"ALL_PROXY": PROXY}, SLACK, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, SLACK, PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://slack.internal/api/", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "slack.com"}, SLACK, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".slack.com"}, "https://hooks.slack.com/actions/1", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other.com"}, SLACK, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, SLACK, None),
        ({"HTTP_PROXY": PROXY}, "http://127.0.0.1:8081/slack/", None),
        ({"HTTP_PROXY": PROXY}, "http://localhost:8081/slack/", None),
        ({"HTTP_PROXY": PROXY}, "http://[::1]:8081/slack/", None),
    ],
)
def test_the_proxy_of_an_address(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_proxy(url) == proxy


@asynccontextmanager
async def proxying() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that answers every request itself, and the first lines of the requests."""
    lines: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines.append(head.splitlines()[0])
        body = b'{"ok": true, "ts": "1"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", lines


async def test_an_answer_goes_through_the_proxy_as_a_call_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxying() as (address, lines):
        monkeypatch.setenv("HTTP_PROXY", address)
        gateway = SlackGateway(SecretStr("xoxb-test"), "http://slack.invalid/api/", timeout=5)
        await gateway.respond("http://hooks.slack.invalid/actions/1", HELLO)
        await gateway.post_dm("D1", HELLO)
        await gateway.close()
    assert lines == [
        "POST http://hooks.slack.invalid/actions/1 HTTP/1.1",
        "POST http://slack.invalid/api/chat.postMessage HTTP/1.1",
    ]


async def test_a_slack_on_this_machine_is_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(ok(ts="1"))
    async with proxying() as (proxy, lines), serving(script.web()) as address:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        gateway = SlackGateway(SecretStr("xoxb-test"), f"{address}/", timeout=5)
        await gateway.respond(f"{address}/actions/1", HELLO)
        await gateway.post_dm("D1", HELLO)
        await gateway.close()
    assert (lines, len(script.calls)) == ([], 2)


def test_processes_that_ripe_up_starts_reach_this_machine_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "internal.example")
    environment = child_environment({"PORT": "1"})
    assert environment["NO_PROXY"] == environment["no_proxy"] == "internal.example,127.0.0.1,localhost,::1"
    assert environment["PORT"] == "1"
