"""The HTTP server around the routes: real sockets on loopback."""

import asyncio

import httpx
import pytest
from quart import Quart

from bot.encryption import tls_context
from bot.web.server import PortInUseError, find_free_port, serve_until, serving

WITHIN = 10.0
"""Seconds, and no promise: less than READ_TIMEOUT, which ends even a request that never ends by itself."""


@pytest.fixture
def app() -> Quart:
    app = Quart("test")

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    return app


async def test_an_application_is_reached_over_http(app: Quart) -> None:
    async with serving(app) as url, httpx.AsyncClient(base_url=url, verify=tls_context()) as client:
        assert (await client.get("/hello")).text == "hello"


async def test_nobody_answers_after_the_block(app: Quart) -> None:
    async with serving(app) as url:
        pass
    async with httpx.AsyncClient(base_url=url, verify=tls_context()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/hello")


async def test_a_stop_does_not_wait_for_idle_connections(app: Quart) -> None:
    stop = asyncio.Event()
    port = find_free_port("127.0.0.1")
    server = asyncio.create_task(serve_until(app, "127.0.0.1", port, stop, grace=3600))
    await asyncio.sleep(0)  # lets it listen
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=tls_context()) as client:
        await client.get("/hello")
        stop.set()
        await asyncio.wait_for(server, WITHIN)


async def test_a_stop_lets_a_running_request_end(app: Quart) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        started.set()
        await release.wait()
        return "done"

    async with httpx.AsyncClient(verify=tls_context()) as client:
        async with serving(app, grace=WITHIN) as url:
            request = asyncio.create_task(client.get(f"{url}/slow"))
            await asyncio.wait_for(started.wait(), WITHIN)
            asyncio.get_running_loop().call_later(0.1, release.set)
        assert (await request).text == "done"


async def test_a_stop_does_not_wait_for_ever(app: Quart) -> None:
    started = asyncio.Event()

    @app.get("/stuck")
    async def stuck() -> str:
        started.set()
        await asyncio.Event().wait()
        return "never"

    async with httpx.AsyncClient(verify=tls_context(), timeout=60) as client:
        async with asyncio.timeout(WITHIN), serving(app, grace=0.1) as url:
            request = asyncio.create_task(client.get(f"{url}/stuck"))
            await started.wait()
        with pytest.raises(httpx.HTTPError):
            (await request).raise_for_status()


async def test_a_busy_port_is_named_with_what_to_do(app: Quart) -> None:
    async with serving(app) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(PortInUseError, match=rf"127\.0\.0\.1:{port} .*set PORT to another"):
            await serve_until(app, "127.0.0.1", port, asyncio.Event())


async def test_an_app_is_told_when_it_begins_and_ends_to_serve() -> None:
    """Routes keep clients and tasks, which they close in `after_serving`."""
    web, heard = Quart("test"), list[str]()

    @web.before_serving
    async def begin() -> None:
        heard.append("begins")

    @web.after_serving
    async def end() -> None:
        heard.append("ends")

    async with serving(web) as url, httpx.AsyncClient(base_url=url, verify=tls_context()) as client:
        await client.get("/")
        assert heard == ["begins"]
    assert heard == ["begins", "ends"]
