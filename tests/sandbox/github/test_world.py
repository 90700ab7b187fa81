"""The sandbox's GitHub sends what the real one sends, and behaves like it where that hurts."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from quart import Quart, Response, request

from bot.github.model import PullRequestFact, ReviewFact, ReviewState
from bot.github.payloads import parse_event
from bot.sandbox.github.model import Document, Pull
from bot.sandbox.github.seed import REPOSITORIES, seed
from bot.sandbox.github.world import GitHubWorld, Refused
from bot.sandbox.keeping import find_kept, keep
from bot.sandbox.webhooks import Webhooks
from bot.web.server import serving
from tests.contracts.keys import differences, keys_of

CONTRACTS = Path(__file__).parent.parent.parent / "contracts" / "github"
NOON = datetime(2026, 11, 23, 12, 0, 0, 400_000, tzinfo=UTC)


@pytest.fixture
def received() -> list[tuple[str, str, bytes]]:
    """What a listener at the webhook address got: event, GUID, body."""
    return []


@pytest.fixture
async def world(received: list[tuple[str, str, bytes]]) -> AsyncIterator[GitHubWorld]:
    listener = Quart("listener")

    @listener.post("/github/webhooks")
    async def accept() -> Response:
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        received.append((request.headers["X-GitHub-Event"], request.headers["X-GitHub-Delivery"], body))
        return Response(status=202)

    async with serving(listener) as address:
        webhooks = Webhooks(f"{address}/github/webhooks", SecretStr("secret"), lambda: NOON)
        made = GitHubWorld(seed(1), webhooks, lambda: NOON, api="http://api", web="http://web")
        made.install(REPOSITORIES)
        yield made
        await webhooks.close()


@pytest.fixture
def pull(world: GitHubWorld) -> Pull:
    return world.open_pull_request("acme/api", "ben", "Round up", ["billing/tax.sql"])


def payloads(world: GitHubWorld) -> list[Any]:
    return [json.loads(delivery.body) for delivery in world.webhooks.log]


def take_back(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben")
    world.remove_request(pull, ["ana"], by="ben")


def make_ready(world: GitHubWorld, pull: Pull) -> None:
    world.convert_to_draft(pull)
    world.ready_for_review(pull)


ACTS: dict[str, Callable[[GitHubWorld, Pull], object]] = {
    "pull_request.closed": lambda world, pull: world.merge(pull),
    "pull_request.converted_to_draft": lambda world, pull: world.convert_to_draft(pull),
    "pull_request.ready_for_review": make_ready,
    "pull_request.review_requested": lambda world, pull: world.request_review(pull, ["ana"], by="ben"),
    "pull_request.review_request_removed": take_back,
    "pull_request.synchronize": lambda world, pull: world.push(pull),
    "pull_request_review.submitted": lambda world, pull: world.review(pull, "ana", "APPROVED"),
    "installation_repositories.added": lambda world, _: world.change_repositories(
        world.document.installations[0], added=["acme/web"]
    ),
}
"""What makes GitHub send each sample; the others come with the fixtures."""


@pytest.mark.parametrize(
    "sample", sorted(path.stem for path in CONTRACTS.glob("*.json") if path.stem != "ping")
)
def test_a_payload_has_exactly_the_keys_of_githubs_own(world: GitHubWorld, pull: Pull, sample: str) -> None:
    if sample in ACTS:
        ACTS[sample](world, pull)
    event, _, action = sample.partition(".")
    sent = [d for d in world.webhooks.log if (d.event, d.action) == (event, action)]
    expected = json.loads((CONTRACTS / f"{sample}.json").read_text())
    if event.startswith("installation"):
        # Which permissions an App asks for is its own choice.
        expected["installation"]["permissions"] = None
    assert differences(expected, keys_of(json.loads(sent[-1].body))) == []


async def test_reviewers_asked_in_one_call_make_one_event_each_of_the_same_second(
    world: GitHubWorld, pull: Pull
) -> None:
    world.request_review(pull, ["ana", "cho"], by="ben")
    facts = [parse_event(d.event, d.body) for d in world.webhooks.log[-2:]]
    asked = [fact for fact in facts if isinstance(fact, PullRequestFact)]
    assert [fact.reviewer and fact.reviewer.login for fact in asked] == ["ana", "cho"]
    assert {fact.pull_request.updated_at for fact in asked} == {NOON.replace(microsecond=0)}
    assert all([a.login for a in fact.pull_request.requested] == ["ana", "cho"] for fact in asked)


def test_a_request_vanishes_with_the_review_and_no_event_says_so(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben")
    before = len(world.webhooks.log)
    world.review(pull, "ana", "COMMENTED")
    assert pull.requested == []
    assert [d.event for d in world.webhooks.log[before:]] == ["pull_request_review"]


def test_an_inline_reply_is_a_commented_review_and_the_request_stays(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben")
    world.inline_reply(pull, "ana")
    fact = parse_event(world.webhooks.log[-1].event, world.webhooks.log[-1].body)
    assert isinstance(fact, ReviewFact)
    assert fact.review.state is ReviewState.COMMENTED
    assert [account.login for account in fact.pull_request.requested] == ["ana"]


def test_one_who_cannot_be_asked_spoils_the_whole_call(world: GitHubWorld, pull: Pull) -> None:
    with pytest.raises(Refused, match="author"):
        world.request_review(pull, ["ana", "ben"], by="cho")
    with pytest.raises(Refused, match="collaborator"):
        world.request_review(pull, ["ana", "zoe"], by="cho")
    assert pull.requested == []


def test_requests_of_the_app_come_back_from_a_bot(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by=world.bot.login)
    sender = payloads(world)[-1]["sender"]
    assert (sender["login"], sender["type"]) == ("ripe[bot]", "Bot")


def test_a_suspended_installation_hears_nothing_until_it_is_resumed(world: GitHubWorld, pull: Pull) -> None:
    installation = world.document.installations[0]
    world.suspend(installation)
    world.push(pull)
    world.unsuspend(installation)
    assert [d.action for d in world.webhooks.log[-2:]] == ["suspend", "unsuspend"]


async def test_webhooks_arrive_signed_in_order_and_once(
    world: GitHubWorld, pull: Pull, received: list[tuple[str, str, bytes]]
) -> None:
    world.push(pull)
    world.merge(pull)
    await world.webhooks.idle()
    actions = [json.loads(body)["action"] for _, _, body in received]
    assert actions == ["created", "opened", "synchronize", "closed"]
    assert len({guid for _, guid, _ in received}) == 4
    assert {delivery.status for delivery in world.webhooks.log} == {202}


async def test_held_webhooks_are_released_in_any_order(
    world: GitHubWorld, pull: Pull, received: list[tuple[str, str, bytes]]
) -> None:
    await world.webhooks.idle()
    received.clear()
    world.webhooks.hold()
    world.push(pull)
    world.merge(pull)
    world.webhooks.release(lambda held: held[::-1])
    await world.webhooks.idle()
    assert [json.loads(body)["action"] for _, _, body in received] == ["closed", "synchronize"]


def test_a_second_start_finds_what_was_kept(world: GitHubWorld, pull: Pull, tmp_path: Path) -> None:
    file = tmp_path / "sandbox" / "github.json"
    keep(file, world.document)
    assert find_kept(file, Document) == world.document
    assert find_kept(tmp_path / "none.json", Document) is None
