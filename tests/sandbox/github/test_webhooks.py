"""The sandbox's GitHub delivers like the real one, or worse if a test asks for it."""

import hashlib
import hmac
import json
import re
from typing import Any

import httpx

from bot.sandbox.github.model import Pull
from bot.sandbox.github.world import GitHubWorld
from tests.github_server import WEBHOOK_SECRET, ServedGitHub
from tests.sandbox.github.conftest import Client, Listener

DELIVERIES = "/api/v3/app/hook/deliveries"


def actions(listener: Listener) -> list[str]:
    return [json.loads(received.body)["action"] for received in listener.received]


async def test_webhooks_arrive_in_order_and_once(world: GitHubWorld, listener: Listener, pull: Pull) -> None:
    world.push(pull)
    world.merge(pull)
    await world.webhooks.idle()
    assert actions(listener) == ["created", "opened", "synchronize", "closed"]
    assert len({received.guid for received in listener.received}) == 4
    assert {delivery.status for delivery in world.webhooks.log} == {202}


async def test_a_webhook_is_signed_and_says_what_it_is(
    world: GitHubWorld, listener: Listener, pull: Pull
) -> None:
    await world.webhooks.idle()
    received = listener.received[-1]
    key = WEBHOOK_SECRET.get_secret_value().encode()
    signature = hmac.new(key, received.body, hashlib.sha256).hexdigest()
    assert received.headers["X-Hub-Signature-256"] == f"sha256={signature}"
    assert received.headers["X-GitHub-Event"] == "pull_request"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", received.guid)
    assert received.headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert received.headers["Content-Type"] == "application/json"


async def test_held_webhooks_are_released_in_any_order_and_may_be_lost(
    world: GitHubWorld, listener: Listener, pull: Pull
) -> None:
    await world.webhooks.idle()
    listener.received.clear()
    world.webhooks.hold()
    world.push(pull)
    world.edit_title(pull, "Round down")
    world.merge(pull)
    await world.webhooks.idle()
    assert listener.received == []
    world.webhooks.release(lambda held: held[::-2])
    await world.webhooks.idle()
    assert actions(listener) == ["closed", "synchronize"]


async def test_a_delivery_without_an_answer_is_not_sent_again(
    world: GitHubWorld, listener: Listener, pull: Pull
) -> None:
    await world.webhooks.idle()
    listener.status = 503
    world.push(pull)
    await world.webhooks.idle()
    heard = len(listener.received)
    world.webhooks.url = "http://127.0.0.1:9/github/webhooks"
    world.push(pull)
    await world.webhooks.idle()
    assert [delivery.status for delivery in world.webhooks.log[-2:]] == [503, 0]
    assert len(listener.received) == heard


async def test_the_app_finds_what_was_missed_and_has_it_sent_again(
    world: GitHubWorld, listener: Listener, app: Client, pull: Pull
) -> None:
    await world.webhooks.idle()
    listener.status = 500
    world.push(pull)
    await world.webhooks.idle()
    listener.status = 202
    (missed, *_) = (await app.get(DELIVERIES)).json()
    assert (missed["status_code"], missed["status"]) == (500, "Invalid HTTP Response: 500")
    assert (missed["event"], missed["action"]) == ("pull_request", "synchronize")
    assert (missed["repository_id"], missed["redelivery"]) == (301, False)
    answer = await app.post(f"{DELIVERIES}/{missed['id']}/attempts", {})
    assert (answer.status_code, answer.json()) == (202, {})
    await world.webhooks.idle()
    (again, *_) = (await app.get(DELIVERIES)).json()
    assert (again["guid"], again["redelivery"], again["status_code"]) == (missed["guid"], True, 202)
    assert again["id"] != missed["id"]
    first, second = listener.received[-2:]
    assert (first.guid, first.body) == (second.guid, second.body)


async def test_one_delivery_is_shown_with_what_was_sent(world: GitHubWorld, app: Client, pull: Pull) -> None:
    await world.webhooks.idle()
    (newest, *_) = (await app.get(DELIVERIES)).json()
    details = (await app.get(f"{DELIVERIES}/{newest['id']}")).json()
    assert details["request"]["payload"]["pull_request"]["title"] == "Round up"
    for path in (f"{DELIVERIES}/999", f"{DELIVERIES}/999/attempts"):
        call = app.post(path, {}) if path.endswith("attempts") else app.get(path)
        assert (await call).status_code == 404


async def test_deliveries_are_paged_by_cursor_while_new_ones_come(
    world: GitHubWorld, app: Client, pull: Pull
) -> None:
    for number in range(6):
        world.edit_title(pull, f"Title {number}")
    await world.webhooks.idle()
    ids = [delivery.id for delivery in world.webhooks.log]
    seen: list[int] = []
    answer: httpx.Response = await app.get(DELIVERIES, per_page=3)
    while True:
        rows: list[Any] = answer.json()
        seen += [row["id"] for row in rows]
        world.push(pull)
        if "next" not in answer.links:
            break
        answer = await app.get(answer.links["next"]["url"])
    assert seen == ids[::-1]
    assert (await app.get(DELIVERIES, cursor="old")).status_code == 422


async def test_only_the_app_itself_sees_deliveries(github: ServedGitHub, installed: Client) -> None:
    assert (await installed.get(DELIVERIES)).status_code == 401


async def test_no_webhook_reports_repositories_without_the_app(world: GitHubWorld) -> None:
    world.change_repositories(world.document.installations[0], removed=["acme/web"])
    before = len(world.webhooks.log)
    world.open_pull_request("acme/web", "ben", "Quiet", ["a.py"])
    assert len(world.webhooks.log) == before
