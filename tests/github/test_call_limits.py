"""A call has a limit as a whole: a peer that sends a byte now and then holds no thread."""

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from bot.github.connection import Connection, HTTPConnection, HTTPSConnection, close_connections
from bot.slack.errors import SlackOutcomeUnknownError
from bot.slack.gateway import SlackGateway
from tests.dripping import HEAD, OPEN_HEAD, WHOLE_HEAD, dripping
from tests.promises import Promise

LIMIT = 1
"""Seconds that a call may take; each byte comes much sooner."""
GENEROUS = 5.0
HEADS = pytest.mark.parametrize("head", [b"HTTP/1.1 2", HEAD, WHOLE_HEAD, OPEN_HEAD])


def ask(connection: Connection) -> None:
    connection.request("GET", "/", None, {})
    connection.getresponse()


async def seconds_until_given_up(connection: Connection) -> float:
    began = time.monotonic()
    with pytest.raises(requests.ReadTimeout, match="no whole answer within 1 s"):
        await asyncio.to_thread(ask, connection)
    return time.monotonic() - began


@HEADS
async def test_a_call_to_a_peer_that_drips_ends_at_its_limit(head: bytes) -> None:
    async with dripping(head) as port:
        took = await seconds_until_given_up(HTTPConnection("127.0.0.1", port, timeout=LIMIT))
    close_connections()
    assert LIMIT <= took < GENEROUS


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """Of a server whose certificate nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3_650))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
async def test_a_call_over_tls_ends_at_its_limit(tls: ssl.SSLContext) -> None:
    async with dripping(WHOLE_HEAD, tls) as port:
        connection = HTTPSConnection("127.0.0.1", port, timeout=LIMIT, verify=False)
        took = await seconds_until_given_up(connection)
    close_connections()
    assert LIMIT <= took < GENEROUS


@HEADS
async def test_a_call_to_slack_that_drips_ends_at_its_limit(head: bytes) -> None:
    began = time.monotonic()
    async with dripping(head) as port:
        slack = SlackGateway(SecretStr("xoxb-made-up"), f"http://127.0.0.1:{port}/", timeout=LIMIT)
        with pytest.raises(SlackOutcomeUnknownError):
            await slack.load_grant()
        await slack.close()
    assert time.monotonic() - began < GENEROUS


@pytest.mark.torture
async def test_calls_to_a_peer_that_drips_hold_no_thread(promise: Promise) -> None:
    async with dripping(WHOLE_HEAD) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT, pool_size=20)
        took = await asyncio.gather(*(seconds_until_given_up(connection) for _ in range(20)))
    close_connections()
    promise(
        "Q12", f"20 calls to a peer that drips, limit {LIMIT} s", f"the last ended after {max(took):.1f} s"
    )
    assert max(took) < 20 * LIMIT
