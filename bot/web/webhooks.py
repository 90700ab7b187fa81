"""Accepts GitHub's deliveries: checks the signature, stores each once with its job, and answers."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, TypeGuard

import structlog
from pydantic import SecretStr
from quart import Blueprint, Request, Response, request

from bot.clock import Clock
from bot.flows.take_delivery import take_delivery
from bot.github.deliveries import Delivery, DeliveryOutcome
from bot.github.model import Fact, Ping
from bot.github.payloads import MalformedPayloadError, ParsedEvent, parse_noted_event
from bot.github.signature import is_signed
from jobq import Queue

log = structlog.get_logger()

PATH = "/github/webhooks"
LARGEST_BODY = 25 * 1024 * 1024
"""GitHub's own cap: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""
BIG_BODIES_AT_ONCE = 2
LONGEST_NAME = 200
"""Of a GUID or an event. GitHub's have at most 40 characters; an index of Postgres takes a few thousand."""
BIG_BODY = 1024 * 1024
"""Bodies above this size are read and parsed off the event loop, at most two at a time."""


class RoomyRequest(Request):
    """Takes larger bodies on this path than Quart's 16 MiB. Quart sets the cap before it knows the route."""

    def __init__(self, method: str, scheme: str, path: str, *args: Any, **more: Any) -> None:
        if path == PATH:
            more["max_content_length"] = LARGEST_BODY
        super().__init__(method, scheme, path, *args, **more)


def webhooks_blueprint(secrets: Sequence[SecretStr], queue: Queue, clock: Clock) -> Blueprint:
    """`POST /github/webhooks`. A delivery may be signed with any of the secrets, so they can be rotated.

    The application that registers it must have RoomyRequest as its request class.
    """
    blueprint = Blueprint("webhooks", __name__)
    big_bodies = asyncio.Semaphore(BIG_BODIES_AT_ONCE)

    @blueprint.post(PATH)
    async def accept() -> Response:
        guid, event = request.headers.get("X-GitHub-Delivery"), request.headers.get("X-GitHub-Event")
        if request.mimetype != "application/json":
            return _answer(415, "set the webhook's content type to application/json")
        if (request.content_length or 0) > LARGEST_BODY:
            return _answer(413, "larger than GitHub sends")
        is_big = request.content_length is None or request.content_length > BIG_BODY
        async with big_bodies if is_big else nullcontext():
            body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
            if not is_signed(body, request.headers.get("X-Hub-Signature-256"), secrets):
                log.warning("delivery refused", guid=guid, reason="signature")
                return _answer(401, "not signed with this App's webhook secret")
            if not _is_name(guid) or not _is_name(event):
                return _answer(400, "X-GitHub-Delivery or X-GitHub-Event is missing or too long")
            parsed = await asyncio.to_thread(_parse, event, body) if is_big else _parse(event, body)
        delivery = _delivery(guid, event, parsed, clock)
        outcome = await take_delivery(delivery, queue)
        log.info(
            "delivery accepted",
            guid=guid,
            event_type=event,
            outcome=outcome or "duplicate",
            note=delivery.note,
        )
        return _answer(202, outcome or "duplicate")

    return blueprint


def _is_name(header: str | None) -> TypeGuard[str]:
    return header is not None and 0 < len(header) <= LONGEST_NAME


def _parse(event: str, body: bytes) -> ParsedEvent | MalformedPayloadError:
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
