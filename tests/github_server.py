"""The sandbox's GitHub, served over real HTTP for a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr
from quart import Quart

from bot.clock import Clock
from bot.sandbox.github.access import Access
from bot.sandbox.github.control import github_control
from bot.sandbox.github.routes import GitHubServer, github_blueprint
from bot.sandbox.github.seed import REPOSITORIES, seed
from bot.sandbox.github.world import GitHubWorld
from bot.sandbox.webhooks import Webhooks
from bot.web.server import find_free_port, serving

APP_ID = 4711
WEBHOOK_SECRET = SecretStr("webhook secret")


@cache
def private_key() -> SecretStr:
    """Made once: it takes a while."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return SecretStr(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@dataclass
class ServedGitHub:
    """A GitHub with its address, and the installation of the App on acme's repositories."""

    server: GitHubServer
    world: GitHubWorld
    address: str
    installation_id: int

    @property
    def api_url(self) -> str:
        return f"{self.address}/api/v3"


@asynccontextmanager
async def served_github(clock: Clock, bot_url: str = "http://127.0.0.1:9") -> AsyncIterator[ServedGitHub]:
    """Webhooks go to `bot_url`; by default nobody listens there."""
    port = find_free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    webhooks = Webhooks(f"{bot_url}/github/webhooks", WEBHOOK_SECRET, clock.now)
    world = GitHubWorld(seed(APP_ID), webhooks, clock.now, api=f"{address}/api/v3", web=address)
    server = GitHubServer(world, Access(APP_ID, private_key()))
    web = Quart("github")
    web.register_blueprint(github_blueprint(server))
    web.register_blueprint(github_control(server))
    try:
        async with serving(web, port=port):
            installation = world.install(REPOSITORIES)
            yield ServedGitHub(server, world, address, installation.id)
    finally:
        await webhooks.close()
