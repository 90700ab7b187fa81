"""The local Slack's Socket Mode: it sends what people do over connections that the bot has opened.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import SecretStr
from quart import Blueprint, abort, websocket

from bot.sandbox.slack.model import Json, MethodError, Reply, Sent
from jobq import utc_now

SCOPE = "connections:write"
TICKET_LASTS = timedelta(seconds=30)
CONNECTION_LASTS = 18_060
"""Seconds, as Slack announces them. Here a connection ends only on demand."""

Reason = Literal["warning", "refresh_requested", "link_disabled"]
Moment = Literal["sent", "answered"]


class Sockets:
    """The connections of one app, for every workspace where it is installed. `app_token` opens them."""

    def __init__(self, app_token: SecretStr) -> None:
        self.is_on = True
        """Socket Mode's switch on the app's page. When off, Slack posts, and ends connections at once."""
        self.scopes = {SCOPE}
        self.connected = asyncio.Event()
        """Set while there is a connection that Slack has not asked to replace."""
        self.cut_next: Moment | None = None
        """Ends the connection with the next envelope: when it is `sent`, or when it is `answered`."""
        self.refuse_next = 0
        """How many of the next connections with a good address are refused. The address is then used up."""
        self.spent: list[str] = []
        """The tickets that were used, good or not."""
        self._app_token = app_token
        self._tickets: dict[str, datetime] = {}
        self._connections: deque[_Connection] = deque()

    def open(self, token: str, base_url: str) -> Json:
        """The answer of `apps.connections.open`: an address that works once. Raises MethodError."""
        if not token:
            raise MethodError("not_authed")
        if token.startswith("xoxb-"):
            raise MethodError("not_allowed_token_type")
        if not secrets.compare_digest(token, self._app_token.get_secret_value()):
            raise MethodError("invalid_auth")
        if SCOPE not in self.scopes:
            raise MethodError("missing_scope", needed=SCOPE, provided=",".join(sorted(self.scopes)))
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = utc_now() + TICKET_LASTS
        return {"url": f"ws{base_url.removeprefix('http')}/link?{urlencode({'ticket': ticket})}"}

    def spend(self, ticket: str) -> bool:
        """Use up a ticket. Returns whether it was good."""
        self.spent.append(ticket)
        expires_at = self._tickets.pop(ticket, None)
        if self.refuse_next:
            self.refuse_next -= 1
            return False
        return expires_at is not None and utc_now() < expires_at

    def refresh(self, reason: Reason = "refresh_requested") -> None:
        """Ask the bot to replace each connection by a new one."""
        self.connected.clear()
        for connection in self._connections:
            connection.outbox.put_nowait(_disconnect(reason))

    def drop(self) -> None:
        """End every connection without a warning."""
        for connection in tuple(self._connections):
            self.remove(connection)

    async def carry(self, sent: Sent, patience: float, retry: Mapping[str, str]) -> Reply:
        """Send an envelope over one connection and wait `patience` seconds for its acknowledgement."""
        if not self._connections:
            return Reply(status=None, body="", in_time=True, sent=sent, error="dispatch_failed")
        self._connections.rotate()
        connection, envelope = self._connections[0], _envelope(sent, retry)
        answer = connection.unanswered[envelope["envelope_id"]] = asyncio.get_running_loop().create_future()
        connection.outbox.put_nowait(envelope)
        if self.cut_next == "sent":
            self._cut(connection)
        await asyncio.wait([answer], timeout=patience)
        connection.unanswered.pop(envelope["envelope_id"], None)
        if not answer.done():
            return Reply(status=None, body="", in_time=False, sent=sent, error="operation_timeout")
        if (payload := answer.result()) is None:
            return Reply(status=None, body="", in_time=True, sent=sent, error="dispatch_failed")
        return Reply(status=200, body=json.dumps(payload) if payload else "", in_time=True, sent=sent)

    def add(self) -> "_Connection":
        """A new connection, which begins with a greeting."""
        connection = _Connection()
        self._connections.append(connection)
        self.connected.set()
        connection.outbox.put_nowait(
            {
                "type": "hello",
                "num_connections": len(self._connections),
                "debug_info": {"host": "sandbox", "approximate_connection_time": CONNECTION_LASTS},
                "connection_info": {"app_id": "A0RIPE0001"},
            }
        )
        return connection

    def receive(self, connection: "_Connection", message: str) -> None:
        """Take the bot's acknowledgement of an envelope. One that waits for none is ignored."""
        acknowledgement = json.loads(message)
        answer = connection.unanswered.get(str(acknowledgement.get("envelope_id")))
        if answer is None or answer.done():
            return
        if self.cut_next == "answered":
            self._cut(connection)
        else:
            answer.set_result(acknowledgement.get("payload") or {})

    def remove(self, connection: "_Connection") -> None:
        """Take a connection that has ended, or shall end, out of use."""
        if connection in self._connections:
            self._connections.remove(connection)
        if not self._connections:
            self.connected.clear()
        connection.end()

    def _cut(self, connection: "_Connection") -> None:
        self.cut_next = None
        self.remove(connection)


class _Connection:
    """One connection of the bot. It sends every message put into `outbox`; None ends it."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[Json | None] = asyncio.Queue()
        self.unanswered: dict[str, asyncio.Future[Json | None]] = {}

    def end(self) -> None:
        """End the connection. Envelopes without an answer get none."""
        self.outbox.put_nowait(None)
        for answer in self.unanswered.values():
            if not answer.done():
                answer.set_result(None)


def add_socket_mode(blueprint: Blueprint, sockets: Sockets) -> None:
    """Add the websocket, `/link`. The method `apps.connections.open` gives its address."""

    @blueprint.websocket("/link")
    async def link() -> None:
        if not sockets.spend(websocket.args.get("ticket", "")):
            abort(403)
        if not sockets.is_on:
            await websocket.send_json(_disconnect("link_disabled"))
            return
        connection = sockets.add()
        tasks = [
            asyncio.ensure_future(_send_all(connection)),
            asyncio.ensure_future(_receive_all(sockets, connection)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sockets.remove(connection)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _send_all(connection: _Connection) -> None:
    while (message := await connection.outbox.get()) is not None:
        await websocket.send_json(message)


async def _receive_all(sockets: Sockets, connection: _Connection) -> None:
    while True:
        sockets.receive(connection, str(await websocket.receive()))


def _disconnect(reason: Reason) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}


def _envelope(sent: Sent, retry: Mapping[str, str]) -> Json:
    kind, payload = _unpack(sent)
    envelope: Json = {
        "envelope_id": secrets.token_hex(16),
        "type": kind,
        "payload": payload,
        "accepts_response_payload": kind != "events_api",
    }
    if kind == "events_api":
        envelope["retry_attempt"] = int(retry.get("X-Slack-Retry-Num", "0"))
        envelope["retry_reason"] = retry.get("X-Slack-Retry-Reason", "")
    return envelope


def _unpack(sent: Sent) -> tuple[str, Any]:
    """Type and payload of the envelope for a request that would otherwise be posted."""
    if sent.content_type == "application/json":
        return "events_api", json.loads(sent.body)
    fields = dict(parse_qsl(sent.body, keep_blank_values=True))
    if "payload" in fields:
        return "interactive", json.loads(fields["payload"])
    return "slash_commands", fields
