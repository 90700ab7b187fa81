"""Accepts GitHub's deliveries: checks the signature, stores each once with its job, and answers."""

import asyncio
import time
from collections.abc import Sequence
from typing import TypeGuard

import structlog
from pydantic import SecretStr
from quart import Blueprint, Response, request
from werkzeug.exceptions import RequestTimeout

from bot.clock import Clock
from bot.flows.take_delivery import take_delivery
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.model import Fact, Ping
from bot.github.payloads import MalformedPayloadError, ParsedEvent, parse_noted_event
from bot.github.signature import SignatureCheck
from bot.web.bodies import release_body
from jobq import Queue, current_database, is_transient

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


def webhooks_blueprint(
    secrets: Sequence[SecretStr], queue: Queue, clock: Clock, *, within: float = ANSWER_WITHIN
) -> Blueprint:
    """`POST /github/webhooks`. A delivery may be signed with any of the secrets, so they can be rotated.

    `limit_requests` must allow LARGEST_BODY at PATH. If Postgres does not store a delivery `within` seconds,
    the route raises DatabaseUnavailableError.
    """
    blueprint = Blueprint("webhooks", __name__)

    @blueprint.post(PATH)
    async def accept() -> Response:
        asked_at = time.monotonic()
        guid, event = request.headers.get("X-GitHub-Delivery"), request.headers.get("X-GitHub-Event")
        if request.mimetype != "application/json":
            return _answer(415, "set the webhook's content type to application/json")
        body = await _read_signed(SignatureCheck(request.headers.get("X-Hub-Signature-256"), secrets))
        if body is None:
            log.warning("delivery refused", guid=guid, reason="signature")
            return _answer(401, "not signed with this App's webhook secret")
        if not _is_name(guid) or not _is_name(event):
            return _answer(400, "X-GitHub-Delivery or X-GitHub-Event is missing or too long")
        is_big = len(body) > BIG_BODY
        parsed = await asyncio.to_thread(_parse, event, body) if is_big else _parse(event, body)
        body.clear()
        release_body()
        delivery = _delivery(guid, event, parsed, clock)
        left = asked_at + within - time.monotonic()
        store = _take(delivery, queue)
        outcome = await current_database().run_within(store, max(left, min(within, LEAST_TO_STORE)))
        _log_accepted(delivery, outcome or "duplicate")
        return _answer(202, outcome or "duplicate")

    return blueprint


def _log_accepted(delivery: Delivery, outcome: str) -> None:
    note = log.warning if delivery.outcome is DeliveryOutcome.REJECTED else log.info
    note(
        "delivery accepted",
        guid=delivery.guid,
        event_type=delivery.event,
        outcome=outcome,
        note=delivery.note,
    )


async def _read_signed(check: SignatureCheck) -> bytearray | None:
    """The raw body, or None if it is not signed."""
    body = bytearray()
    if not check.is_possible:
        return None
    try:
        async with asyncio.timeout(request.body_timeout):
            async for part in request.body:
                check.update(part)
                body += part
    except TimeoutError:
        raise RequestTimeout from None
    return body if check.is_good() else None


async def _take(delivery: Delivery, queue: Queue) -> DeliveryOutcome | None:
    """As take_delivery, twice if the database fails for a moment: GitHub never delivers again by itself."""
    try:
        return await take_delivery(delivery, queue)
    except Exception as error:
        if not is_transient(error):
            raise
        log.warning("delivery is stored at the second try", guid=delivery.guid, error=type(error).__name__)
    return await take_delivery(delivery, queue)


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


def _answer(status: int, result: str) -> Response:
    return Response(f'{{"result": "{result}"}}\n', status=status, mimetype="application/json")
