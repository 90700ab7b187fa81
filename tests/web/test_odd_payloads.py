"""Odd values in the fields that Ripe reads: the answer is 202, and the fact is applied if possible."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from pydantic import AliasPath, BaseModel, SecretStr
from quart import Quart
from quart.typing import TestClientProtocol as Client

from bot.github import wire
from bot.github.deliveries import Delivery, DeliveryOutcome, find_delivery
from bot.github.signature import sign
from bot.web.webhooks import accept_webhooks
from jobq import Database
from tests.jobs.facts import Bot, install_bot
from tests.payloads import ANA, CANARY, installation_payload, pull_request_payload, review_payload
from tests.promises import Promise

SECRET = SecretStr("secret")
MISSING = object()
ODD = {
    "null": None,
    "missing": MISSING,
    "huge text": "x" * 100_000,
    "huge number": 10**40,
    "NUL": "a\0b",
    "lone surrogate": "a\ud800b",
    "object": {"a": 1},
    "list": [None],
    "boolean": True,
    "negative": -1,
    "other century": "9999-12-31T23:59:59-14:00",
}
"""Odd values for a field. JSON's escapes carry NUL and surrogates over the wire."""
NEEDED = {
    "action",
    "installation",
    "installation.id",
    "repository",
    "repository.id",
    "repository.full_name",
    "pull_request",
    "pull_request.id",
    "pull_request.number",
    "pull_request.state",
    "review",
    "review.id",
}
"""Without these nothing can be decided, so the delivery may be rejected."""
TEAM = {"id": 3, "slug": "payments"}
FULL: dict[str, Any] = {
    "labels": [{"name": "ui"}], "requested_reviewers": [ANA], "requested_teams": [TEAM],
    "closed_at": None,
}  # fmt: skip
SHAPES: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "pull_request": (
        wire.PullRequestEvent,
        pull_request_payload(
            "review_requested",
            more={"requested_reviewer": ANA, "requested_team": TEAM, "label": {"name": "ui"}},
            **FULL,
        ),
    ),
    "pull_request_review": (wire.ReviewEvent, review_payload(**FULL)),
    "installation": (wire.InstallationEvent, installation_payload()),
    "installation_repositories": (
        wire.RepositoriesEvent,
        installation_payload("added")
        | {
            "repositories_added": [{"id": 301, "full_name": "acme/api"}],
            "repositories_removed": [{"id": 999, "full_name": "acme/old"}],
        },
    ),
    "repository": (wire.RepositoryEvent, pull_request_payload("renamed")),
}

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Case:
    event: str
    path: Path
    kind: str

    def body(self, number: int) -> bytes:
        """The payload of its event, about a pull request of its own, with one odd field."""
        payload = json.loads(json.dumps(SHAPES[self.event][1]))
        if "pull_request" in payload:
            payload["pull_request"]["id"] = payload["pull_request"]["number"] = 1_000 + number
        if "review" in payload:
            payload["review"]["id"] = 1_000 + number
        *parents, last = self.path
        parent: Any = payload
        for part in parents:
            parent = parent[part]
        if ODD[self.kind] is not MISSING:
            parent[last] = ODD[self.kind]
        elif isinstance(last, str):
            parent.pop(last, None)
        else:
            del parent[last]
        return json.dumps(payload).encode()

    @property
    def is_needed(self) -> bool:
        return ".".join(map(str, self.path)) in NEEDED


def read_paths(shape: type[BaseModel]) -> Iterator[Path]:
    """Every field that is read of a payload, and everything around it."""
    for name, field in shape.model_fields.items():
        alias = field.validation_alias
        path: Path = tuple(alias.path) if isinstance(alias, AliasPath) else (str(alias or name),)
        yield from (path[:length] for length in range(1, len(path) + 1))
        if field.annotation is not None:
            nested, is_listed = find_shape(field.annotation)
            path = (*path, 0) if is_listed else path
            if is_listed:
                yield path
            if nested is not None:
                yield from ((*path, *inner) for inner in read_paths(nested))


def find_shape(annotation: Any) -> tuple[type[wire.Wire] | None, bool]:
    """The shape inside Annotated, unions and lists, and whether there is a list around it."""
    if isinstance(annotation, type) and issubclass(annotation, wire.Wire):
        return annotation, False
    for inner in get_args(annotation):
        shape, is_listed = find_shape(inner)
        if shape is not None:
            return shape, is_listed or getattr(annotation, "__origin__", None) is list
    return None, False


CASES = [
    Case(event, path, kind)
    for event, (shape, _) in SHAPES.items()
    for path in dict.fromkeys(read_paths(shape))
    for kind in ODD
    if "listed" not in path
]


@dataclass
class Door:
    client: Client
    bot: Bot

    async def post(self, event: str, body: bytes, guid: str = "guid-0") -> int:
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": sign(body, SECRET),
        }
        answer = await self.client.post("/github/webhooks", data=body, headers=headers)
        await self.bot.work()
        return answer.status_code

    async def delivery(self, guid: str = "guid-0") -> Delivery:
        delivery = await find_delivery(guid)
        assert delivery is not None
        return delivery


@pytest.fixture
async def door(db: Database) -> AsyncIterator[Door]:
    with db.ambient():
        bot = await install_bot(db)
        web = Quart("test")
        accept_webhooks(web, [SECRET], bot.queue, bot.clock)
        yield Door(web.test_client(), bot)


def test_every_field_is_made_odd() -> None:
    paths = {(case.event, ".".join(map(str, case.path))) for case in CASES}
    assert ("pull_request", "pull_request.requested_reviewers.0.login") in paths
    assert ("pull_request", "pull_request.head.sha") in paths
    assert ("installation", "installation.account.type") in paths
    assert ("installation_repositories", "repositories_removed.0.id") in paths


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.torture)])
async def test_no_odd_field_costs_a_delivery(door: Door, promise: Promise, every: int) -> None:
    failed: list[str] = []
    cases = CASES[::every]
    for number, case in enumerate(cases):
        guid = f"guid-{number}"
        status = await door.post(case.event, case.body(number), guid)
        outcome = (await door.delivery(guid)).outcome if status == 202 else None
        may_be_refused = {DeliveryOutcome.REJECTED, DeliveryOutcome.IGNORED} if case.is_needed else set()
        if outcome not in {DeliveryOutcome.APPLIED, DeliveryOutcome.LATE, *may_be_refused}:
            failed.append(f"{case}: {status} {outcome}")
    dead = await door.bot.db.fetchval("SELECT count(*) FROM job_dead")
    promise("H4", f"{len(cases)} odd payloads", f"{len(failed)} lost or refused, {dead} jobs dead")
    assert failed == []
    assert dead == 0


def merged(**more: Any) -> dict[str, Any]:
    return pull_request_payload(
        "closed",
        state="closed",
        merged_at="2026-11-23T15:00:00Z",
        updated_at="2026-11-23T15:00:00Z",
        more=more,
    )


async def open_with_ana(door: Door) -> None:
    asked = pull_request_payload(
        "review_requested", requested_reviewers=[ANA], more={"requested_reviewer": ANA}
    )
    assert await door.post("pull_request", json.dumps(asked).encode(), "asked") == 202


async def close_reason(door: Door) -> str | None:
    reason: str | None = await door.bot.db.fetchval("SELECT close_reason FROM review_request")
    return reason


@pytest.mark.parametrize("sender", [None, MISSING, {"id": 2**63, "login": "ben"}, "ben", []])
async def test_a_merge_ends_the_request_without_a_readable_sender(door: Door, sender: Any) -> None:
    await open_with_ana(door)
    payload = merged(sender=sender)
    if sender is MISSING:
        del payload["sender"]
    await door.post("pull_request", json.dumps(payload).encode())
    assert await close_reason(door) == "merged"


async def test_what_is_left_out_is_counted_in_the_note(door: Door) -> None:
    await open_with_ana(door)
    payload = merged(sender=7)
    payload["pull_request"] |= {"requested_teams": [None, 7], "title": "a\0b"}
    await door.post("pull_request", json.dumps(payload).encode())
    assert (
        await door.delivery()
    ).note == "left out: requested_teams (2), sender (1); characters replaced: 1; ana merged"


@pytest.mark.parametrize(
    "changes",
    [
        {"requested_reviewers": None},
        {"requested_reviewers": [{"id": 202, "login": None}]},
        {"requested_reviewers": "ana"},
    ],
)
async def test_an_unreadable_list_of_reviewers_takes_nobodys_request_back(
    door: Door, changes: dict[str, Any]
) -> None:
    await open_with_ana(door)
    pushed = pull_request_payload("synchronize", updated_at="2026-11-23T15:00:00Z", **changes)
    await door.post("pull_request", json.dumps(pushed).encode())
    assert (await door.delivery()).outcome == "applied"
    assert await close_reason(door) is None
    assert "sync_pull_request" in await door.bot.jobs()


async def test_a_fact_without_a_date_asks_github_and_leaves_no_date_ahead_of_its_answer(door: Door) -> None:
    payload = pull_request_payload("opened", updated_at=None, created_at="soon")
    await door.post("pull_request", json.dumps(payload).encode())
    updated_at = await door.bot.db.fetchval("SELECT updated_at FROM pull_request")
    assert 0 < (door.bot.clock.now() - updated_at).total_seconds() < 3600
    assert "sync_pull_request" in await door.bot.jobs()


async def test_an_enterprise_has_a_slug_and_no_login(door: Door) -> None:
    payload = installation_payload("new_permissions_accepted")
    payload["installation"]["account"] = {"id": 100, "slug": "acme-inc", "name": "Acme Inc."}
    await door.post("installation", json.dumps(payload).encode())
    assert await door.bot.db.fetchval("SELECT account_login FROM installation") == "acme-inc"


async def test_unreadable_permissions_and_accounts_keep_what_is_stored(door: Door) -> None:
    payload = installation_payload("new_permissions_accepted")
    payload["installation"] |= {"account": None, "permissions": None}
    await door.post("installation", json.dumps(payload).encode())
    stored = await door.bot.db.fetchrow("SELECT account_login, permissions::text FROM installation")
    assert stored is not None
    assert tuple(stored) == ("acme", '{"pull_requests": "write"}')


@pytest.mark.parametrize("text", ["\ud800", "\0", "\udfff\ud800", "x\\ud800\0"])
async def test_characters_in_a_field_that_is_dropped_cost_nothing(door: Door, text: str) -> None:
    payload = pull_request_payload("opened", body=CANARY + text)
    assert await door.post("pull_request", json.dumps(payload).encode()) == 202
    assert (await door.delivery()).outcome == "applied"


async def test_a_title_keeps_its_emoji_and_loses_its_nul(door: Door) -> None:
    payload = pull_request_payload("opened", title="Rocket 🚀, \\ud800 and \0 and \ud83d")
    await door.post("pull_request", json.dumps(payload).encode())
    assert await door.bot.db.fetchval("SELECT title FROM pull_request") == (
        "Rocket 🚀, \\ud800 and \ufffd and \ufffd"
    )


@pytest.mark.parametrize(
    "tail",
    [
        b'"body": "\xff\xfe"',
        b'"body": "a\x01b"',
        b'"body": ' + b"9" * 5_000,
        b'"body": 1e999',
        b'"body": NaN',
    ],
)
async def test_bytes_that_are_no_good_json_are_read_leniently(door: Door, tail: bytes) -> None:
    body = json.dumps(pull_request_payload("opened")).encode()
    await door.post("pull_request", body[:-1] + b", " + tail + b"}")
    assert (await door.delivery()).outcome == "applied"


async def test_a_body_nested_too_deeply_is_rejected(door: Door) -> None:
    body = json.dumps(pull_request_payload("opened")).encode()
    deep = b"[" * 100_000 + b"]" * 100_000
    assert await door.post("pull_request", body[:-1] + b', "body": ' + deep + b"}") == 202
    assert (await door.delivery()).outcome == "rejected"


@pytest.mark.parametrize("field", ["id", "number"])
async def test_an_id_beyond_postgres_is_rejected_with_a_note(door: Door, field: str) -> None:
    payload = pull_request_payload("opened")
    payload["pull_request"][field] = 2**63
    assert await door.post("pull_request", json.dumps(payload).encode()) == 202
    delivery = await door.delivery()
    assert (delivery.outcome, delivery.note) == ("rejected", f"pull_request: pull_request.{field}")


async def test_a_guid_or_event_longer_than_an_index_takes_is_a_bad_request(door: Door) -> None:
    body = json.dumps(pull_request_payload("opened")).encode()
    assert await door.post("pull_request", body, "g" * 5_000) == 400
    assert await door.post("e" * 5_000, body) == 400


async def test_an_unknown_review_state_counts_as_a_comment(door: Door) -> None:
    await open_with_ana(door)
    payload = review_payload("endorsed", updated_at="2026-11-23T15:00:00Z", requested_reviewers=[ANA])
    await door.post("pull_request_review", json.dumps(payload).encode())
    assert await door.bot.db.fetchval("SELECT state FROM review") == "commented"
    assert await close_reason(door) is None


async def test_a_deleted_author_stays_who_they_were(door: Door) -> None:
    await open_with_ana(door)
    payload = pull_request_payload("synchronize", user=None, updated_at="2026-11-23T15:00:00Z")
    await door.post("pull_request", json.dumps(payload).encode())
    assert await door.bot.db.fetchval("SELECT author_login FROM pull_request") == "ben"


async def test_a_rejected_delivery_is_applied_when_it_comes_again_under_its_guid(door: Door) -> None:
    await open_with_ana(door)
    broken = merged()
    broken["pull_request"]["number"] = None
    await door.post("pull_request", json.dumps(broken).encode())
    assert (await door.delivery()).outcome == "rejected"
    first = (await door.delivery()).received_at
    await door.post("pull_request", json.dumps(merged()).encode())
    again = await door.delivery()
    assert (again.outcome, again.action, again.received_at) == ("applied", "closed", first)
    assert await close_reason(door) == "merged"
    await door.post("pull_request", json.dumps(broken).encode())
    assert (await door.delivery()).outcome == "applied"
