"""People act on the sandbox's GitHub over HTTP; what makes no sense is refused with a reason."""

from typing import Any

import httpx
import pytest

from bot.sandbox.github.model import Pull
from bot.sandbox.github.world import GitHubWorld
from tests.github_server import ServedGitHub
from tests.sandbox.github.conftest import Client, Listener

ON_PULL: dict[str, Any] = {"repository": "acme/api", "number": 1}


async def order(http: httpx.AsyncClient, operation: str, **body: Any) -> Any:
    """An order that is carried out."""
    answer = await http.post(f"/sandbox/github/{operation}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_whole_review_can_be_played_over_http(http: httpx.AsyncClient, world: GitHubWorld) -> None:
    opened = await order(
        http,
        "open_pull_request",
        repository="acme/api",
        author="ben",
        title="Round up",
        files=["billing/tax.sql", {"path": "new.py", "status": "added", "additions": 4}],
        draft=True,
    )
    assert (opened["number"], [file["path"] for file in opened["files"]]) == (
        1,
        ["billing/tax.sql", "new.py"],
    )
    for operation, body in (
        ("edit_title", {"name": "Round half up"}),
        ("ready_for_review", {}),
        ("label", {"name": "wip"}),
        ("unlabel", {"name": "wip"}),
        ("request_review", {"by": "ben", "reviewers": ["ana", "cho"], "teams": ["payments"]}),
        ("remove_request", {"by": "ben", "reviewers": ["cho"], "teams": ["payments"]}),
        ("inline_reply", {"reviewer": "ana"}),
        ("review", {"reviewer": "ana", "state": "CHANGES_REQUESTED"}),
        ("push", {"files": ["more.py"], "by": "eli"}),
        ("convert_to_draft", {}),
        ("ready_for_review", {}),
        ("close", {"by": "cho"}),
        ("reopen", {}),
    ):
        await order(http, operation, **ON_PULL, **body)
    review = world.document.pulls[0].reviews[-1]
    await order(http, "dismiss_review", **ON_PULL, review_id=review.id, by="ben")
    merged = await order(http, "merge", **ON_PULL, by="eli")
    assert (merged["state"], merged["merged_by"], merged["reviews"][-1]["state"]) == (
        "closed",
        "eli",
        "DISMISSED",
    )
    assert [delivery.action for delivery in world.webhooks.log][1:] == [
        "opened", "edited", "ready_for_review", "labeled", "unlabeled",
        "review_requested", "review_requested", "review_requested",
        "review_request_removed", "review_request_removed",
        "submitted", "submitted", "synchronize", "converted_to_draft", "ready_for_review",
        "closed", "reopened", "dismissed", "closed",
    ]  # fmt: skip


async def test_an_installation_can_be_played_over_http(http: httpx.AsyncClient, world: GitHubWorld) -> None:
    number = world.document.installations[0].id
    await order(http, "suspend", installation_id=number)
    await order(http, "unsuspend", installation_id=number)
    await order(http, "accept_permissions", installation_id=number, permissions={"metadata": "read"})
    left = await order(http, "change_repositories", installation_id=number, removed=["acme/web"])
    assert left["repository_ids"] == [301]
    await order(http, "uninstall", installation_id=number)
    again = await order(http, "install", repositories=["acme/web"])
    assert [installation.id for installation in world.document.installations] == [again["id"]]


async def test_webhooks_can_be_held_reordered_and_repeated_over_http(
    http: httpx.AsyncClient, world: GitHubWorld, listener: Listener, pull: Pull
) -> None:
    await world.webhooks.idle()
    await order(http, "hold_webhooks")
    world.push(pull)
    world.merge(pull)
    held = [delivery.guid for delivery in world.webhooks.log[-2:]]
    await order(http, "release_webhooks", order="reversed")
    await order(http, "redeliver", guid=held[0])
    await world.webhooks.idle()
    assert [received.guid for received in listener.received[-3:]] == [held[1], held[0], held[0]]


async def test_faults_can_be_ordered_over_http(
    http: httpx.AsyncClient, github: ServedGitHub, installed: Client
) -> None:
    fault = {
        "status": 403,
        "message": "You have exceeded a secondary rate limit.",
        "headers": {"Retry-After": "30"},
        "times": 2,
        "path": "/repos/",
    }
    await order(http, "faults", **fault)
    codes = []
    for path in ("repos/acme/api", "users/ana", "repos/acme/api", "repos/acme/api"):
        answer = await installed.get(f"/api/v3/{path}")
        codes.append((answer.status_code, answer.headers.get("Retry-After")))
    assert codes == [(403, "30"), (200, None), (403, "30"), (200, None)]


@pytest.mark.parametrize(
    ("operation", "body", "status", "reason"),
    [
        ("open_pull_request", {"repository": "acme/api"}, 400, "author"),
        ("merge", ON_PULL | {"force": True}, 400, "force"),
        ("review", ON_PULL | {"reviewer": "ana", "state": "GREAT"}, 400, "state"),
        ("faults", {"stats": 500}, 400, "stats"),
        ("release_webhooks", {"order": "best"}, 400, "order"),
        ("merge", {"repository": "acme/api", "number": 9}, 404, "there is no acme/api#9"),
        ("review", ON_PULL | {"reviewer": "zoe"}, 404, "there is no zoe"),
        ("unlabel", ON_PULL | {"name": "wip"}, 404, "there is no label wip"),
        ("dismiss_review", ON_PULL | {"review_id": 1, "by": "ben"}, 404, "there is no review 1"),
        ("suspend", {"installation_id": 1}, 404, "there is no installation 1"),
        ("redeliver", {"guid": "x"}, 404, "there is no delivery x"),
        ("request_review", ON_PULL | {"by": "cho", "reviewers": ["ben"]}, 422, "pull request author"),
    ],
)
async def test_nonsense_is_refused_with_a_reason(
    http: httpx.AsyncClient, pull: Pull, operation: str, body: Any, status: int, reason: str
) -> None:
    answer = await http.post(f"/sandbox/github/{operation}", json=body)
    assert (answer.status_code, reason in str(answer.json()["error"])) == (status, True), answer.text


async def test_only_json_is_an_order(http: httpx.AsyncClient, pull: Pull) -> None:
    answer = await http.post("/sandbox/github/merge", data=ON_PULL)
    assert (answer.status_code, pull.state) == (400, "open")
    torn = await http.post(
        "/sandbox/github/merge", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (torn.status_code, pull.state) == (400, "open")
