"""The sandbox's GitHub sends the same keys as the real one, at every level."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.github.model import Pull
from bot.sandbox.github.world import GitHubWorld
from tests.contracts.keys import Keys, differences, keys_of

CONTRACTS = Path(__file__).parent.parent.parent / "contracts" / "github"
NOT_MODELLED = {"pull_request.assignees."}
"""Lists that are always empty here: nobody is ever assigned."""


@pytest.fixture
def world(still_world: GitHubWorld) -> GitHubWorld:
    return still_world


@pytest.fixture
def pull(world: GitHubWorld) -> Pull:
    """With something in every list that a pull request has."""
    return world.open_pull_request(
        "acme/api", "ben", "Round up", ["billing/tax.sql"], labels=["wip"], reviewers=["cho"]
    )


def make_ready(world: GitHubWorld, pull: Pull) -> None:
    world.convert_to_draft(pull)
    world.ready_for_review(pull)


def make_open_again(world: GitHubWorld, pull: Pull) -> None:
    world.close(pull)
    world.reopen(pull)


def ask_and_take_back(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben")
    world.remove_request(pull, ["ana"], by="ben")


def ask_a_team_and_take_back(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, [], by="ben", teams=["payments"])
    world.remove_request(pull, [], by="ben", teams=["payments"])


Act = Callable[[GitHubWorld, Pull], object]

SAMPLED: dict[str, Act] = {
    "installation.created": lambda world, _: world.install(["acme/api"]),
    "installation_repositories.added": lambda world, _: world.change_repositories(
        world.document.installations[0], added=["acme/web"]
    ),
    "ping": lambda world, _: world.ping("acme/api"),
    "pull_request.closed": lambda world, pull: world.merge(pull),
    "pull_request.converted_to_draft": lambda world, pull: world.convert_to_draft(pull),
    "pull_request.opened": lambda world, pull: None,
    "pull_request.ready_for_review": make_ready,
    "pull_request.review_request_removed": ask_and_take_back,
    "pull_request.review_requested": lambda world, pull: world.request_review(pull, ["ana"], by="ben"),
    "pull_request.synchronize": lambda world, pull: world.push(pull),
    "pull_request_review.submitted": lambda world, pull: world.review(pull, "ana", "APPROVED"),
}
"""The act that makes GitHub send each sample; the pull request is open already."""


def empty(expected: Keys, actual: Keys, where: str = "") -> set[str]:
    """Where the sample holds an object and we none: `differences` compares nothing there."""
    if expected is None or actual is None:
        return {where} if expected is not None else set()
    keys: set[str] = set()
    for key in expected.keys() & actual.keys():
        keys |= empty(expected[key], actual[key], f"{where}{key}.")
    return keys


@pytest.mark.parametrize("sample", sorted(path.stem for path in CONTRACTS.glob("*.json")))
def test_a_payload_has_exactly_the_keys_of_githubs_own(world: GitHubWorld, pull: Pull, sample: str) -> None:
    expected = json.loads((CONTRACTS / f"{sample}.json").read_text())
    if sample.startswith("installation"):
        # Which permissions an App asks for is its own choice.
        expected["installation"]["permissions"] = None
    SAMPLED[sample](world, pull)
    actual = keys_of(last(world, sample))
    assert differences(expected, actual) == []
    assert empty(expected, actual) <= NOT_MODELLED


def last(world: GitHubWorld, name: str) -> Any:
    event, _, action = name.partition(".")
    sent = [d for d in world.webhooks.log if (d.event, d.action) == (event, action)]
    return json.loads(sent[-1].body)


def label_and_unlabel(world: GitHubWorld, pull: Pull) -> None:
    world.label(pull, "urgent")
    world.unlabel(pull, "urgent")


DOCUMENTED: dict[str, tuple[Act, set[str]]] = {
    "pull_request.reopened": (make_open_again, set()),
    "pull_request.edited": (lambda world, pull: world.edit_title(pull, "Round down"), {"changes"}),
    "pull_request.labeled": (label_and_unlabel, {"label"}),
    "pull_request.unlabeled": (label_and_unlabel, {"label"}),
    "pull_request.review_requested": (
        lambda world, pull: world.request_review(pull, [], by="ben", teams=["payments"]),
        {"requested_team", "organization"},
    ),
    "pull_request.review_request_removed": (
        ask_a_team_and_take_back,
        {"requested_team", "organization"},
    ),
    "pull_request_review.dismissed": (
        lambda world, pull: world.dismiss_review(pull, world.review(pull, "ana", "APPROVED"), by="ben"),
        {"review"},
    ),
}
"""Actions without a sample: what they add to the keys that all events about a pull request have.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_an_action_without_a_sample_adds_what_is_documented(
    world: GitHubWorld, pull: Pull, name: str
) -> None:
    act, added = DOCUMENTED[name]
    act(world, pull)
    usual = {"action", "pull_request", "repository", "installation", "sender"}
    number = {"number"} if name.startswith("pull_request.") else set()
    assert last(world, name).keys() == usual | number | added


def test_an_edit_event_has_the_title_before(world: GitHubWorld, pull: Pull) -> None:
    world.edit_title(pull, "Round down")
    assert last(world, "pull_request.edited")["changes"] == {"title": {"from": "Round up"}}


def test_events_about_an_installation_have_its_state(world: GitHubWorld) -> None:
    installation = world.document.installations[0]
    world.suspend(installation)
    suspended = last(world, "installation.suspend")
    assert suspended["installation"]["suspended_at"] == "2026-11-23T12:00:00Z"
    assert suspended["installation"]["suspended_by"]["login"] == "ben"
    world.unsuspend(installation)
    assert last(world, "installation.unsuspend")["installation"]["suspended_at"] is None
    world.accept_permissions(installation, {"metadata": "read"})
    granted = last(world, "installation.new_permissions_accepted")["installation"]["permissions"]
    assert granted == {"metadata": "read"}
    world.change_repositories(installation, removed=["acme/web"])
    removed = last(world, "installation_repositories.removed")["repositories_removed"]
    assert [repo["full_name"] for repo in removed] == ["acme/web"]
    world.uninstall(installation)
    left = last(world, "installation.deleted")["repositories"]
    assert [repo["full_name"] for repo in left] == ["acme/api"]
