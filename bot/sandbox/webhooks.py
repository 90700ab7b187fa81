"""Delivers the sandbox's webhooks as GitHub does: signed, in order, and never twice by itself."""

import asyncio
import hashlib
import hmac
import itertools
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx
from pydantic import SecretStr

from bot.encryption import tls_context

TIMEOUT = 10.0
"""GitHub gives a webhook ten seconds: https://docs.github.com/en/webhooks."""
MOST_KEPT = 1_000
"""Deliveries in the log. GitHub deletes old ones after days, the sandbox after so many."""


@dataclass
class Delivery:
    """One attempt to deliver one event. Attempts at the same event share the `guid`, never the `id`.

    `status` is the answer's code; None before there was one, 0 when nobody answered.
    """

    id: int
    guid: str
    event: str
    action: str
    body: bytes
    at: datetime
    installation_id: int | None = None
    repository_id: int | None = None
    is_redelivery: bool = False
    status: int | None = None


class Webhooks:
    """Posts to `url`, one delivery after the other. `hold` collects them until `release` sends them."""

    def __init__(self, url: str, secret: SecretStr, now: Callable[[], datetime]) -> None:
        self.url = url
        self.log: list[Delivery] = []
        self.on_answer: Callable[[Delivery], object] = lambda _: None
        """Called with every attempt once its `status` is known."""
        self.secret = secret
        self._now = now
        self._ids = itertools.count(1)
        self._held: list[Delivery] | None = None
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._client = httpx.AsyncClient(timeout=TIMEOUT, verify=tls_context())
        self._poster: asyncio.Task[None] | None = None

    def emit(self, event: str, payload: dict[str, Any]) -> Delivery:
        """Deliver an event to the bot soon, in the background."""
        delivery = Delivery(
            id=next(self._ids),
            guid=str(uuid.uuid4()),
            event=event,
            action=str(payload.get("action", "")),
            body=json.dumps(payload).encode(),
            at=self._now(),
            installation_id=payload.get("installation", {}).get("id"),
            repository_id=payload.get("repository", {}).get("id"),
        )
        self._deliver(delivery)
        return delivery

    def hold(self) -> None:
        """Keep back what is emitted from now on."""
        self._held = self._held or []

    def release(self, order: Callable[[list[Delivery]], list[Delivery]] = list) -> None:
        """Deliver what `hold` kept back, as `order` sorts it. A delivery that `order` leaves out is lost."""
        held, self._held = self._held or [], None
        for delivery in order(held):
            self._enqueue(delivery)

    def redeliver(self, guid: str) -> Delivery:
        """The same event once more, as a person can ask on the App's page. Raises LookupError."""
        first = next((delivery for delivery in self.log if delivery.guid == guid), None)
        if first is None:
            raise LookupError(f"delivery {guid}")
        again = replace(first, id=next(self._ids), at=self._now(), is_redelivery=True, status=None)
        self._deliver(again)
        return again

    def find(self, delivery_id: int) -> Delivery | None:
        """The attempt with this id, if it is still in the log."""
        return next((delivery for delivery in self.log if delivery.id == delivery_id), None)

    async def idle(self) -> None:
        """Wait until everything emitted so far was answered."""
        await self._queue.join()

    async def close(self) -> None:
        """Stop delivering."""
        if self._poster is not None:
            self._poster.cancel()
            with suppress(asyncio.CancelledError):
                await self._poster
        await self._client.aclose()

    def _deliver(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        del self.log[:-MOST_KEPT]
        if self._held is not None:
            self._held.append(delivery)
        else:
            self._enqueue(delivery)

    def _enqueue(self, delivery: Delivery) -> None:
        if self._poster is None:
            self._poster = asyncio.get_running_loop().create_task(self._post_all())
        self._queue.put_nowait(delivery)

    async def _post_all(self) -> None:
        while True:
            delivery = await self._queue.get()
            delivery.status = await self._post(delivery)
            self.on_answer(delivery)
            self._queue.task_done()

    async def _post(self, delivery: Delivery) -> int:
        signature = hmac.new(self.secret.get_secret_value().encode(), delivery.body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/sandbox",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": "1",
            "X-Hub-Signature-256": f"sha256={signature.hexdigest()}",
        }
        try:
            answer = await self._client.post(self.url, content=delivery.body, headers=headers)
        except httpx.HTTPError:
            return 0
        return answer.status_code
