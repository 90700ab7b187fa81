"""Accepts GitHub's deliveries: checks the signature, stores each once with its job, and answers.

This route is a door of its own before Quart, whose dispatch takes longer than all of this together.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeGuard, cast

import structlog
from pydantic import SecretStr
from quart import Quart

from bot.clock import Clock
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.model import Fact, Ping
from bot.github.payloads import MalformedPayloadError, ParsedEvent, parse_noted_event
from bot.github.signature import SignatureCheck
from bot.web.asgi import ASGIApp, Receive, Scope, Send
from bot.web.bodies import release_body
from bot.web.delivery_writer import DUPLICATE, DeliveryWriter
from jobq import Queue, is_transient

log = structlog.get_logger()

PATH = "/github/webhooks"
LARGEST_BODY = 25 * 1024 * 1024
"""GitHub's own cap: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""
LONGEST_NAME = 200
"""Of a GUID or an event. GitHub's have at most 40 characters; an index of Postgres takes a few thousand."""
ANSWER_WITHIN = 5.0
"""Seconds from the head of a request. GitHub gives up after ten, and a busy server needs some itself."""
LEAST_TO_STORE = 1.0
"""Seconds for Postgres after a body that came slowly."""
BIG_BODY = 1024 * 1024
"""Bodies above this size are parsed off the event loop."""
NO_DATABASE = "Postgres cannot be reached; nothing was stored"


def accept_webhooks(
    web: Quart, secrets: Sequence[SecretStr], queue: Queue, clock: Clock, *, within: float = ANSWER_WITHIN
) -> None:
    """Put `POST /github/webhooks` before the routes of `web`; `limit_requests` goes before it in turn.

    A delivery may be signed with any of the secrets, so they can be rotated. If Postgres does not store a
    delivery `within` seconds, the answer is 503.
    """
    door = _Door(cast(ASGIApp, web.asgi_app), web.config, secrets, DeliveryWriter(queue), clock, within)
    web.asgi_app = door  # type: ignore[method-assign, assignment]


class _RefusedError(Exception):
    """The answer to a delivery that is not stored."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _GoneError(Exception):
    """The client has gone, or the limits have refused the body."""


class _Door:
    def __init__(
        self,
        otherwise: ASGIApp,
        config: Mapping[str, float],
        secrets: Sequence[SecretStr],
        writer: DeliveryWriter,
        clock: Clock,
        within: float,
    ) -> None:
        self._otherwise = otherwise
        self._config = config
        self._secrets = secrets
        self._writer = writer
        self._clock = clock
        self._within = within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._otherwise(scope, receive, send)
            return
        status, result = 202, ""
        try:
            result = await self.accept(scope, receive)
        except _GoneError:
            return
        except _RefusedError as refused:
            status, result = refused.status, str(refused)
        except Exception as error:
            status, result = _describe(error)
        await _answer(status, result, receive, send)

    async def accept(self, scope: Scope, receive: Receive) -> str:
        """Stores a delivery; returns its outcome so far. Raises _RefusedError; _GoneError without a peer."""
        asked_at = time.monotonic()
        if scope["method"] != "POST":
            raise _RefusedError(405, "deliveries are posted")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            raise _RefusedError(415, "set the webhook's content type to application/json")
        guid, event = _text(headers, b"x-github-delivery"), _text(headers, b"x-github-event")
        check = SignatureCheck(_text(headers, b"x-hub-signature-256"), self._secrets)
        body = await self._read_signed(check, receive)
        if body is None:
            log.warning("delivery refused", guid=guid, reason="signature")
            raise _RefusedError(401, "not signed with this App's webhook secret")
        if not _is_name(guid) or not _is_name(event):
            raise _RefusedError(400, "X-GitHub-Delivery or X-GitHub-Event is missing or too long")
        is_big = len(body) > BIG_BODY
        parsed = await asyncio.to_thread(_parse, event, body) if is_big else _parse(event, body)
        body.clear()
        release_body()
        delivery = _delivery(guid, event, parsed, self._clock)
        left = asked_at + self._within - time.monotonic()
        outcome = await self._writer.store(delivery, max(left, min(self._within, LEAST_TO_STORE)))
        return outcome or DUPLICATE

    async def _read_signed(self, check: SignatureCheck, receive: Receive) -> bytearray | None:
        """The raw body, or None if it is not signed."""
        if not check.is_possible:
            return None
        body, is_complete = bytearray(), False
        try:
            async with asyncio.timeout(self._config["BODY_TIMEOUT"]):
                while not is_complete:
                    part = await receive()
                    if part["type"] != "http.request":
                        raise _GoneError
                    check.update(part["body"])
                    body += part["body"]
                    if len(body) > LARGEST_BODY:
                        raise _RefusedError(413, "the body is too large")
                    is_complete = not part.get("more_body", False)
        except TimeoutError:
            raise _RefusedError(408, "the body came too slowly") from None
        return body if check.is_good() else None


async def _answer(status: int, result: str, receive: Receive, send: Send) -> None:
    text = b'{"result": "%s"}\n' % result.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
    headers += [(b"connection", b"close")] if status in (408, 413) else []
    headers += [(b"retry-after", b"5")] if status == 503 else []
    headers += [(b"allow", b"POST")] if status == 405 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    last = {"type": "http.response.body", "body": text, "more_body": False}
    if status in (202, 503):
        await send(last)
        return
    rest = asyncio.create_task(_drop(receive))  # an early answer waits a moment for the end of a big body
    await send(last)
    rest.cancel()
    with suppress(asyncio.CancelledError):
        await rest


async def _drop(receive: Receive) -> None:
    while (part := await receive())["type"] == "http.request" and part.get("more_body", False):
        pass


def _describe(error: Exception) -> tuple[int, str]:
    if is_transient(error):
        # GitHub lists the failed delivery, and a person can redeliver it there.
        log.warning("a delivery was not stored", error=f"{type(error).__name__}: {error}")
        return 503, NO_DATABASE
    log.exception("a delivery failed", exc_info=error)
    return 500, "Ripe made a mistake; it is in its log"


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin1")


def _is_name(header: str | None) -> TypeGuard[str]:
    return header is not None and 0 < len(header) <= LONGEST_NAME


def _parse(event: str, body: bytearray) -> ParsedEvent | MalformedPayloadError:
    try:
        return parse_noted_event(event, body)
    except MalformedPayloadError as error:
        return error


def _delivery(guid: str, event: str, parsed: ParsedEvent | MalformedPayloadError, clock: Clock) -> Delivery:
    if isinstance(parsed, MalformedPayloadError):
        fact, outcome, note = None, DeliveryOutcome.REJECTED, str(parsed)
    else:
        fact, outcome, note = parsed.fact, _outcome(parsed.fact), parsed.note
    return Delivery(
        guid=guid,
        workspace_id=None,
        event=event,
        action=getattr(fact, "action", ""),
        received_at=clock.now(),
        fact=fact,
        outcome=outcome,
        note=note,
    )


def _outcome(fact: Fact | None) -> DeliveryOutcome:
    match fact:
        case None:
            return DeliveryOutcome.IGNORED
        case Ping():
            return DeliveryOutcome.APPLIED
        case _:
            return DeliveryOutcome.QUEUED
