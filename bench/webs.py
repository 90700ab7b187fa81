"""Web servers under measurement, each a process of its own that answers `POST /github/webhooks`."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench import npm
from bench.deliveries import SECRET
from bot.web.server import find_free_port

HOST = "127.0.0.1"
NOWHERE = "http://127.0.0.1:9"
"""Nobody answers at the port of "discard"."""
STARTS_WITHIN = 30.0


def environment(dsn: str, home: Path, **more: str) -> dict[str, str]:
    """The settings of a real bot whose GitHub and Slack are not there."""
    inherited = os.environ  # noqa: TID251
    return inherited | {
        "DATABASE_URL": dsn, "RIPE_HOME": str(home), "SECRET_KEYS": Fernet.generate_key().decode(),
        "GITHUB_APP_ID": "1", "GITHUB_APP_PRIVATE_KEY": str(private_key(home)),
        "GITHUB_WEBHOOK_SECRET": SECRET, "GITHUB_API_URL": NOWHERE, "SLACK_BOT_TOKEN": "xoxb-bench",
        "SLACK_SIGNING_SECRET": "signing", "SLACK_API_URL": f"{NOWHERE}/api/", "LOG_FORMAT": "json", **more,
    }  # fmt: skip


def private_key(home: Path) -> Path:
    """A file with a key for a GitHub App."""
    path = home / "key.pem"
    if not path.exists():
        key = generate_private_key(public_exponent=65537, key_size=2048)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@asynccontextmanager
async def ripe(dsn: str, home: Path, **settings: str) -> AsyncIterator[int]:
    """`ripe web`; yields its port."""
    port = find_free_port(HOST)
    environ = environment(dsn, home, HOST=HOST, PORT=str(port), **settings)
    async with running([sys.executable, "-m", "bot", "web"], environ):
        await _listening(port)
        yield port


@asynccontextmanager
async def worker(dsn: str, home: Path, **settings: str) -> AsyncIterator[None]:
    """`ripe worker`."""
    async with running([sys.executable, "-m", "bot", "worker"], environment(dsn, home, **settings)):
        yield


@asynccontextmanager
async def bare(kind: str) -> AsyncIterator[int]:
    """A route on our server that stores nothing; yields its port."""
    port = find_free_port(HOST)
    async with running([sys.executable, "-m", "bench.bare", kind, str(port)], None):
        await _listening(port)
        yield port


@asynccontextmanager
async def probot(home: Path) -> AsyncIterator[int]:
    """Probot whose handler does nothing; yields its port. Raises npm.NoPeerError."""
    npm.install("probot")
    port = find_free_port(HOST)
    async with running(
        [*npm.command_of("probot", "probot.mjs"), str(port), SECRET, str(private_key(home))], None
    ):
        await _listening(port)
        yield port


async def load(port: int, connections: int, seconds: float, rate: float = 0) -> dict[str, Any]:
    """The report of `bench.load`."""
    command = [sys.executable, "-m", "bench.load", str(port), str(connections), str(seconds), str(rate)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await process.communicate()
    report: dict[str, Any] = json.loads(output)
    return report


@asynccontextmanager
async def running(command: Sequence[str], environ: Mapping[str, str] | None) -> AsyncIterator[None]:
    """A process that writes its log to nobody."""
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL, env=environ)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(STARTS_WITHIN):
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
