"""Signs stored webhook payloads, posts them to a running bot and reports the outcome of each."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import httpx

from bot.app import make_github
from bot.clock import Clock
from bot.credentials import complete_settings
from bot.encryption import tls_context
from bot.github.deliveries import DeliveryOutcome, find_delivery, list_rejected_guids
from bot.github.gateway import GitHubGateway
from bot.github.model import GitHubError
from bot.github.signature import sign
from bot.model import UserError
from bot.settings import Settings, require_database
from jobq import Database, Postpone

POST_TIMEOUT = 10.0
APPLIED_WITHIN = 15.0
"""Seconds. The worker needs milliseconds; longer means that none is running."""


async def replay(settings: Settings, files: Sequence[Path]) -> AsyncIterator[str]:
    """Replay the files in order, and yield a line for each. A file's name begins with its event:
    `pull_request.opened.json`.

    Each replay gets a new GUID, so a payload may be replayed any number of times. Raises UserError when the
    bot cannot be reached or refuses a payload.
    """
    if not settings.github_webhook_secret:
        raise UserError("GITHUB_WEBHOOK_SECRET is not set, so nothing can be signed.")
    address = settings.public_url or f"http://127.0.0.1:{settings.port}"
    async with (
        Database(require_database(settings)),
        httpx.AsyncClient(timeout=POST_TIMEOUT, verify=tls_context()) as client,
    ):
        for file in files:
            yield f"{file.name}: {await _replay_one(client, address, settings, file)}"


async def replay_rejected(settings: Settings) -> AsyncIterator[str]:
    """Have GitHub deliver again what an older Ripe rejected, the oldest first, and yield a line for each.

    Ripe kept nothing of their payloads, so GitHub must still list them.
    """
    async with Database(require_database(settings)):
        guids = await list_rejected_guids()
        if not guids:
            yield "No delivery was rejected."
            return
        github = make_github(await complete_settings(settings), Clock())
        try:
            attempts = await _find_attempts(github, set(guids))
            for guid in guids:
                yield f"{guid}: {await _redeliver(github, attempts.get(guid), guid)}"
        except (GitHubError, Postpone) as error:
            raise UserError(f"GitHub does not redeliver now: {error}") from error
        finally:
            await github.close()


async def _find_attempts(github: GitHubGateway, guids: set[str]) -> dict[str, int]:
    """The id of an attempt for each of these that GitHub still lists."""
    attempts: dict[str, int] = {}
    cursor: str | None = None
    while True:
        page = await github.list_delivery_attempts(cursor)
        attempts |= {attempt.guid: attempt.id for attempt in page.attempts if attempt.guid in guids}
        cursor = page.next_cursor
        if cursor is None or attempts.keys() == guids:
            return attempts


async def _redeliver(github: GitHubGateway, attempt_id: int | None, guid: str) -> str:
    if attempt_id is None:
        return "GitHub does not list it any more, so it cannot be had again"
    await github.redeliver(attempt_id)
    return await _wait_for_outcome(guid, {DeliveryOutcome.QUEUED, DeliveryOutcome.REJECTED})


async def _replay_one(client: httpx.AsyncClient, address: str, settings: Settings, file: Path) -> str:
    body = _read(file)
    guid = str(uuid.uuid4())
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": file.name.partition(".")[0],
        "X-GitHub-Delivery": guid,
        "X-Hub-Signature-256": sign(body, settings.github_webhook_secret[0]),
    }
    try:
        answer = await client.post(f"{address}/github/webhooks", content=body, headers=headers)
    except httpx.HTTPError as error:
        raise UserError(f"No bot answers at {address} ({type(error).__name__}): is it running?") from error
    if answer.status_code != httpx.codes.ACCEPTED:
        raise UserError(f"{file.name} was refused with {answer.status_code}: {answer.text.strip()}")
    return await _wait_for_outcome(guid, {DeliveryOutcome.QUEUED})


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error


async def _wait_for_outcome(guid: str, passing: Collection[DeliveryOutcome]) -> str:
    """The outcome of a delivery, once it is none of the `passing` ones."""
    delivery = None
    try:
        async with asyncio.timeout(APPLIED_WITHIN):
            while True:
                delivery = await find_delivery(guid)
                if delivery is not None and delivery.outcome not in passing:
                    return f"{delivery.outcome}: {delivery.note}" if delivery.note else delivery.outcome
                await asyncio.sleep(0.05)
    except TimeoutError:
        if delivery is not None and delivery.outcome is DeliveryOutcome.REJECTED:
            return f"still rejected: {delivery.note}"
        return "stored and queued, but no worker has taken it: is `ripe worker` running?"
