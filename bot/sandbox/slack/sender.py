"""Sends to the bot what Slack sends: signed, and with three seconds for the answer."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from bot.encryption import tls_context
from bot.sandbox.slack.model import Json, Reply, Sent
from bot.sandbox.slack.socket_mode import Sockets
from jobq import utc_now

PATIENCE = 3.0
"""Seconds after which Slack gives up on an answer."""
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Sender:
    """`bot_url` is where the bot is reached: it listens at `/slack/events`. `patience` is in seconds."""

    def __init__(self, signing_secret: SecretStr, bot_url: str) -> None:
        self._secret = signing_secret
        self.bot_url = bot_url
        self.patience = PATIENCE
        self.sockets: Sockets | None = None
        """Set if the app has an app-level token. While Socket Mode is on, nothing is posted."""
        self.on_reply: Callable[[Reply], object] = lambda _: None
        """Called with every request that was sent, once it was answered or given up."""
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def send_form(self, fields: Mapping[str, str]) -> Reply:
        """Send a slash command."""
        return await self.send(Sent(body=urlencode(fields), content_type=FORM))

    async def send_payload(self, payload: Json) -> Reply:
        """Send an interaction: JSON inside a form."""
        return await self.send_form({"payload": json.dumps(payload)})

    async def send_event(self, envelope: Json) -> Reply:
        """Send an event: plain JSON."""
        return await self.send(Sent(body=json.dumps(envelope), content_type=JSON))

    async def send(self, sent: Sent, retry: Mapping[str, str] | None = None) -> Reply:
        """Send a request, signed with the real time, as Slack knows nothing of the application's clock."""
        reply = await self._send(sent, retry or {})
        self.on_reply(reply)
        return reply

    async def _send(self, sent: Sent, retry: Mapping[str, str]) -> Reply:
        if self.sockets is not None and self.sockets.is_on:
            return await self.sockets.carry(sent, self.patience, retry)
        body = sent.body.encode()
        headers = {"Content-Type": sent.content_type, **self.sign(body), **retry}
        try:
            async with asyncio.timeout(self.patience):
                answer = await self._http().post(
                    f"{self.bot_url.rstrip('/')}/slack/events", content=body, headers=headers
                )
        except TimeoutError:
            return Reply(status=None, body="", in_time=False, sent=sent, error="operation_timeout")
        except httpx.TransportError:
            return Reply(status=None, body="", in_time=True, sent=sent, error="dispatch_failed")
        error = None if answer.is_success else "dispatch_failed"
        return Reply(status=answer.status_code, body=answer.text, in_time=True, sent=sent, error=error)

    def sign(self, body: bytes) -> dict[str, str]:
        """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
        timestamp = str(int(utc_now().timestamp()))
        signed = b"v0:" + timestamp.encode() + b":" + body
        digest = hmac.new(self._secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}

    def _http(self) -> httpx.AsyncClient:
        # Kept, so that one connection serves many requests. Patience bounds each, not a timeout of httpx.
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=None, trust_env=False, verify=tls_context())  # noqa: S113
        return self._client
