"""The sandbox's GitHub over HTTP, the App that calls it, and a listener to whom it delivers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from quart import Quart, Response, request

from bot.clock import Clock
from bot.encryption import load_private_key, tls_context
from bot.sandbox.github.access import Access
from bot.sandbox.github.control import github_control
from bot.sandbox.github.model import Pull
from bot.sandbox.github.routes import github_blueprint
from bot.sandbox.github.seed import REPOSITORIES, seed
from bot.sandbox.github.server import GitHubServer
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.webhooks import Webhooks
from bot.web.server import serving
from jobq import utc_now
from tests.github_server import APP_ID, WEBHOOK_SECRET, ServedGitHub, private_key

NOON = datetime(2026, 11, 23, 12, 0, 0, 400_000, tzinfo=UTC)


@dataclass
class Received:
    """A webhook as it came in."""

    headers: httpx.Headers
    body: bytes

    @property
    def guid(self) -> str:
        return self.headers["X-GitHub-Delivery"]


@dataclass
class Listener:
    """The receiver at the webhook address, which answers with `status`."""

    address: str = ""
    status: int = 202
    received: list[Received] = field(default_factory=list)


@dataclass
class Client:
    """Calls GitHub without a library. `token` authenticates it."""

    http: httpx.AsyncClient
    token: str

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        return await self.http.get(path, params=parameters or None, headers=self._headers())

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.http.post(path, json=body, headers=self._headers())

    async def query(self, text: str, **variables: Any) -> Any:
        """GraphQL's answer, errors included."""
        answer = await self.post("/api/graphql", {"query": text, "variables": variables})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def signed_jwt(**claims: Any) -> str:
    """The App's own, unless claims say otherwise; `None` leaves a claim out. Times are seconds from now."""
    now = int(utc_now().timestamp())
    times = {name: now + claims.pop(name, usual) for name, usual in (("iat", -60), ("exp", 300))}
    given = {"iss": str(APP_ID), **times, **claims}
    kept = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(kept, load_private_key(private_key().get_secret_value()), algorithm="RS256")


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    heard = Listener()
    bot = Quart("listener")

    @bot.post("/github/webhooks")
    async def accept() -> Response:
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        heard.received.append(Received(httpx.Headers(dict(request.headers)), bytes(body)))
        return Response(status=heard.status)

    async with serving(bot) as heard.address:
        yield heard


@pytest.fixture
async def github(listener: Listener) -> AsyncIterator[ServedGitHub]:
    clock = Clock()
    webhooks = Webhooks(f"{listener.address}/github/webhooks", WEBHOOK_SECRET, clock.now)
    world = GitHubWorld(seed(APP_ID), webhooks, clock.now, api="http://api.test", web="http://web.test")
    server = GitHubServer(world, Access(APP_ID, private_key()))
    web = Quart("github")
    web.register_blueprint(github_blueprint(server))
    web.register_blueprint(github_control(server))
    async with serving(web) as address:
        world.shapes.api, world.shapes.web = f"{address}/api/v3", address
        installation = world.install(REPOSITORIES)
        yield ServedGitHub(server, world, address, installation.id)
    await webhooks.close()


@pytest.fixture
async def still_world() -> AsyncIterator[GitHubWorld]:
    """Not served. It is always noon there, and webhooks are only written down."""
    webhooks = Webhooks("http://127.0.0.1:9/github/webhooks", WEBHOOK_SECRET, lambda: NOON)
    webhooks.hold()
    made = GitHubWorld(seed(APP_ID), webhooks, lambda: NOON, api="http://api.test", web="http://web.test")
    made.install(REPOSITORIES)
    yield made
    await webhooks.close()


@pytest.fixture
def world(github: ServedGitHub) -> GitHubWorld:
    return github.world


@pytest.fixture
def pull(world: GitHubWorld) -> Pull:
    return world.open_pull_request("acme/api", "ben", "Round up", ["billing/tax.sql"])


@pytest.fixture
async def http(github: ServedGitHub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=github.address, verify=tls_context()) as client:
        yield client


@pytest.fixture
def app(http: httpx.AsyncClient) -> Client:
    """The App as itself."""
    return Client(http, signed_jwt())


@pytest.fixture
def installed(github: ServedGitHub, http: httpx.AsyncClient) -> Client:
    """The App as its installation on acme."""
    text, _ = github.server.access.mint(github.world.document.installations[0])
    return Client(http, text)
