"""The route for webhooks: which deliveries it accepts, which it refuses, and which fields it stores."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from quart import Quart
from quart.typing import TestClientProtocol as Client

from bot.clock import Clock
from bot.github.deliveries import find_delivery
from bot.github.signature import sign
from bot.web.limits import limit_requests
from bot.web.webhooks import LARGEST_BODY, PATH, accept_webhooks
from jobq import Database, Job, Queue
from tests.payloads import pull_request_payload

OLD, NEW = SecretStr("old secret"), SecretStr("new secret")


@pytest.fixture
async def client(db: Database) -> AsyncIterator[Client]:
    web = Quart("test")
    accept_webhooks(web, [NEW, OLD], Queue(db), Clock())
    limit_requests(web, {PATH: LARGEST_BODY})
    with db.ambient():
        yield web.test_client()


async def post(
    client: Client,
    body: bytes,
    *,
    secret: SecretStr = NEW,
    without: str = "",
    **headers: str,
) -> int:
    usual = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "guid-1",
        "X-Hub-Signature-256": sign(body, secret),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    usual.pop(without, None)
    answer = await client.post("/github/webhooks", data=body, headers=usual)
    return answer.status_code


def opened() -> bytes:
    return json.dumps(pull_request_payload("opened")).encode()


async def count(db: Database, table: str) -> int:
    counts = {
        "delivery": "SELECT count(*) FROM delivery",
        "job": "SELECT count(*) FROM job",
    }
    counted: int = await db.fetchval(counts[table])
    return counted


async def test_a_delivery_is_stored_and_queued_before_it_is_answered(db: Database, client: Client) -> None:
    assert await post(client, opened()) == 202
    delivery = await find_delivery("guid-1")
    assert delivery is not None
    assert delivery.outcome == "queued"
    assert await db.fetchval("SELECT arguments ->> 'guid' FROM job") == "guid-1"


async def test_the_same_delivery_five_times_at_once_is_one_delivery_and_one_job(
    db: Database, client: Client
) -> None:
    statuses = await asyncio.gather(*(post(client, opened()) for _ in range(5)))
    assert set(statuses) == {202}
    assert (await count(db, "delivery"), await count(db, "job")) == (1, 1)


async def test_both_secrets_are_good_while_one_replaces_the_other(client: Client) -> None:
    assert await post(client, opened(), secret=OLD) == 202
    assert await post(client, opened(), secret=NEW, X_GitHub_Delivery="guid-2") == 202


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=zz", "sha1=abc", "é" * 71, "sha256=" + "0" * 64]
)
async def test_an_unsigned_delivery_is_refused_and_not_stored(
    db: Database, client: Client, signature: str
) -> None:
    assert await post(client, opened(), X_Hub_Signature_256=signature) == 401
    assert await count(db, "delivery") == 0


async def test_a_missing_signature_is_refused(client: Client) -> None:
    assert await post(client, opened(), without="X-Hub-Signature-256") == 401


async def test_a_delivery_without_guid_is_a_bad_request(client: Client) -> None:
    assert await post(client, opened(), without="X-GitHub-Delivery") == 400


async def test_a_form_encoded_delivery_is_refused(client: Client) -> None:
    assert await post(client, opened(), Content_Type="application/x-www-form-urlencoded") == 415


async def test_a_body_larger_than_github_sends_is_refused(client: Client) -> None:
    assert await post(client, b" " * (LARGEST_BODY + 1)) == 413


async def test_a_body_as_large_as_github_sends_is_accepted(client: Client) -> None:
    body = opened()
    padded = body[:-1] + b" " * (24 * 1024 * 1024 - len(body)) + body[-1:]
    assert await post(client, padded) == 202


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"action": "opened"}', b'\xff{"action": "opened"}'])
async def test_a_payload_that_does_not_parse_is_recorded_as_rejected(
    db: Database, client: Client, body: bytes
) -> None:
    assert await post(client, body) == 202
    delivery = await find_delivery("guid-1")
    assert delivery is not None
    assert delivery.outcome == "rejected"
    assert await count(db, "job") == 0


async def test_an_event_that_we_do_not_follow_is_recorded_and_ignored(db: Database, client: Client) -> None:
    assert await post(client, b'{"action": "created"}', X_GitHub_Event="star") == 202
    delivery = await find_delivery("guid-1")
    assert delivery is not None
    assert (delivery.outcome, delivery.fact) == ("ignored", None)
    assert await count(db, "job") == 0


async def test_only_allow_listed_fields_are_kept(db: Database, client: Client) -> None:
    payload = pull_request_payload("opened")
    payload["pull_request"]["body"] = "canary-in-the-body"
    payload["pull_request"]["head"]["repo"] = {"description": "canary-in-the-head"}
    assert await post(client, json.dumps(payload).encode()) == 202
    assert "canary" not in await db.fetchval("SELECT fact::text FROM delivery")


class FailingQueue(Queue):
    """Fails to save jobs as many times as there are `errors`."""

    def __init__(self, db: Database, *errors: Exception) -> None:
        super().__init__(db)
        self.errors = list(errors)

    async def save_with(self, statement: str, jobs: Mapping[str, Job], *arguments: object) -> list[Any]:
        if self.errors:
            raise self.errors.pop(0)
        return await super().save_with(statement, jobs, *arguments)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_fails_for_a_moment_costs_no_delivery(db: Database, error: Exception) -> None:
    web = Quart("test")
    accept_webhooks(web, [NEW], FailingQueue(db, error), Clock())
    with db.ambient():
        assert await post(web.test_client(), opened()) == 202
    assert (await count(db, "delivery"), await count(db, "job")) == (1, 1)


async def test_a_database_that_goes_on_failing_is_no_success(db: Database) -> None:
    web, gone = Quart("test"), asyncpg.AdminShutdownError("terminating connection")
    accept_webhooks(web, [NEW], FailingQueue(db, gone, gone), Clock())
    with db.ambient():
        assert await post(web.test_client(), opened()) == 503
    assert await count(db, "delivery") == 0
