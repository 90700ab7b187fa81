"""The sandbox's GitHub copies the difficult behaviour of the real one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.github.model import PullRequestFact, ReviewFact, ReviewState
from bot.github.payloads import parse_event
from bot.sandbox.documents import find_document
from bot.sandbox.github.errors import RefusedError
from bot.sandbox.github.model import Document, File, Pull
from bot.sandbox.github.seed import seed
from bot.sandbox.github.world import GitHubWorld
from tests.sandbox.github.conftest import NOON


@pytest.fixture
def world(still_world: GitHubWorld) -> GitHubWorld:
    return still_world


def payloads(world: GitHubWorld) -> list[Any]:
    return [json.loads(delivery.body) for delivery in world.webhooks.log]


def actions(world: GitHubWorld) -> list[str]:
    return [delivery.action for delivery in world.webhooks.log]


def after(world: GitHubWorld, act: Callable[[], object]) -> list[str]:
    """The actions of the webhooks that an act sends."""
    before = len(world.webhooks.log)
    act()
    return actions(world)[before:]


def requests(world: GitHubWorld) -> list[PullRequestFact]:
    """The facts about review requests, as a bot parses them."""
    facts = [parse_event(d.event, d.body) for d in world.webhooks.log if "review_request" in d.action]
    return [fact for fact in facts if isinstance(fact, PullRequestFact)]


def test_reviewers_asked_in_one_call_make_one_event_each_of_the_same_second(
    world: GitHubWorld, pull: Pull
) -> None:
    world.request_review(pull, ["ana", "cho"], by="ben")
    asked = requests(world)
    assert [fact.reviewer and fact.reviewer.login for fact in asked] == ["ana", "cho"]
    assert {fact.pull_request.updated_at for fact in asked} == {NOON.replace(microsecond=0)}
    assert all([a.login for a in fact.pull_request.requested] == ["ana", "cho"] for fact in asked)


def test_reviewers_asked_while_opening_are_listed_at_once_with_events_of_the_same_second(
    world: GitHubWorld,
) -> None:
    world.open_pull_request("acme/api", "ben", "Add", ["a.py"], labels=["wip"], reviewers=["ana"])
    assert actions(world)[-3:] == ["opened", "labeled", "review_requested"]
    opened, _, asked = (payload["pull_request"] for payload in payloads(world)[-3:])
    assert [user["login"] for user in opened["requested_reviewers"]] == ["ana"]
    assert opened["updated_at"] == asked["updated_at"] == opened["created_at"]


def test_asking_a_reviewer_again_sends_no_event(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben")
    sent = after(world, lambda: world.request_review(pull, ["ANA", "cho"], by="eli"))
    assert (sent, pull.requested) == (["review_requested"], ["ana", "cho"])


def test_people_of_a_draft_can_be_asked(world: GitHubWorld, pull: Pull) -> None:
    world.convert_to_draft(pull)
    assert after(world, lambda: world.request_review(pull, ["ana"], by="ben")) == ["review_requested"]


@pytest.mark.parametrize("state", ["APPROVED", "CHANGES_REQUESTED", "COMMENTED"])
def test_a_request_vanishes_with_any_review_and_no_event_says_so(
    world: GitHubWorld, pull: Pull, state: Any
) -> None:
    world.request_review(pull, ["ana", "cho"], by="ben")
    assert after(world, lambda: world.review(pull, "ana", state)) == ["submitted"]
    assert pull.requested == ["cho"]
    listed = payloads(world)[-1]["pull_request"]["requested_reviewers"]
    assert [user["login"] for user in listed] == ["cho"]
    world.request_review(pull, ["ana"], by="ben")
    assert pull.requested == ["cho", "ana"]


def test_a_teams_request_vanishes_when_one_of_its_members_reviewed(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["dev"], by="ben", teams=["payments"])
    world.review(pull, "dev", "APPROVED")
    assert pull.requested_teams == ["payments"]
    assert after(world, lambda: world.review(pull, "ana", "APPROVED")) == ["submitted"]
    assert pull.requested_teams == []


def test_an_inline_reply_is_a_commented_review_and_the_request_stays(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by="ben")
    world.inline_reply(pull, "ana")
    fact = parse_event(world.webhooks.log[-1].event, world.webhooks.log[-1].body)
    assert isinstance(fact, ReviewFact)
    assert fact.review.state is ReviewState.COMMENTED
    assert [account.login for account in fact.pull_request.requested] == ["ana"]


def test_if_one_person_cannot_be_asked_nobody_is(world: GitHubWorld, pull: Pull) -> None:
    for wanted, teams, why in (
        (["ana", "BEN"], [], "author"),
        (["ana", "zoe"], [], "collaborator of the acme/api repository"),
        (["ana"], ["nobody"], "collaborator"),
    ):
        with pytest.raises(RefusedError, match=why):
            world.request_review(pull, wanted, by="cho", teams=teams)
    assert (pull.requested, requests(world)) == ([], [])


def test_requests_of_the_app_come_back_from_a_bot(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana"], by=world.bot.login)
    sender = payloads(world)[-1]["sender"]
    assert (sender["login"], sender["type"]) == ("ripe[bot]", "Bot")


def test_the_event_of_a_removed_request_names_the_reviewer(world: GitHubWorld, pull: Pull) -> None:
    world.request_review(pull, ["ana", "cho"], by="ben")
    world.remove_request(pull, ["ana", "dev"], by="eli")
    fact = requests(world)[-1]
    assert fact.reviewer is not None
    assert fact.sender is not None
    assert (fact.action, fact.reviewer.login, fact.sender.login) == ("review_request_removed", "ana", "eli")
    assert pull.requested == ["cho"]


IDLE: dict[str, Callable[[GitHubWorld, Pull], object]] = {
    "the same title": lambda world, pull: world.edit_title(pull, pull.title),
    "ready that is no draft": lambda world, pull: world.ready_for_review(pull),
    "reopened that is open": lambda world, pull: world.reopen(pull),
    "labelled so already": lambda world, pull: world.label(pull, "wip"),
    "nobody to take back": lambda world, pull: world.remove_request(pull, ["ana"], by="ben"),
}


@pytest.mark.parametrize("act", IDLE.values(), ids=IDLE.keys())
def test_an_act_that_changes_nothing_sends_no_webhook(
    world: GitHubWorld, act: Callable[[GitHubWorld, Pull], object]
) -> None:
    pull = world.open_pull_request("acme/api", "ben", "Add", ["a.py"], labels=["wip"])
    assert after(world, lambda: act(world, pull)) == []


def test_acts_that_github_would_refuse_are_refused_without_a_webhook(world: GitHubWorld, pull: Pull) -> None:
    with pytest.raises(RefusedError, match="approve your own"):
        world.review(pull, "ben", "APPROVED")
    comment = world.review(pull, "ana", "COMMENTED")
    with pytest.raises(RefusedError, match="dismiss a commented"):
        world.dismiss_review(pull, comment, by="ben")
    world.merge(pull)
    with pytest.raises(RefusedError, match="not mergeable"):
        world.merge(pull)
    with pytest.raises(RefusedError, match="cannot be reopened"):
        world.reopen(pull)
    assert actions(world)[-2:] == ["submitted", "closed"]


def test_an_unknown_login_changes_nothing(world: GitHubWorld, pull: Pull) -> None:
    with pytest.raises(LookupError):
        world.review(pull, "zoe", "APPROVED")
    with pytest.raises(LookupError):
        world.close(pull, by="zoe")
    assert (pull.reviews, pull.state) == ([], "open")


def test_a_push_lists_each_path_once_and_is_silent_after_the_end(world: GitHubWorld, pull: Pull) -> None:
    before = pull.head_sha
    world.push(pull, ["new.py", File(path="billing/tax.sql", additions=40)], by="eli")
    assert [(file.path, file.additions) for file in pull.files] == [("billing/tax.sql", 40), ("new.py", 12)]
    payload = payloads(world)[-1]
    assert (payload["before"], payload["after"], payload["sender"]["login"]) == (before, pull.head_sha, "eli")
    world.close(pull)
    assert after(world, lambda: world.push(pull)) == []


def test_a_suspended_installation_hears_nothing_until_it_is_resumed(world: GitHubWorld, pull: Pull) -> None:
    installation = world.document.installations[0]
    world.suspend(installation)
    world.push(pull)
    world.unsuspend(installation)
    assert actions(world)[-2:] == ["suspend", "unsuspend"]


def test_a_second_start_finds_what_was_kept_and_counts_on(still_world: GitHubWorld, tmp_path: Path) -> None:
    file = tmp_path / "sandbox" / "github.json"

    def start() -> GitHubWorld:
        document = find_document(file, Document) or seed(1)
        return GitHubWorld(
            document, still_world.webhooks, lambda: NOON, api="http://api", web="http://web", file=file
        )

    first = start()
    first.install(["acme/api"])
    first_pull = first.open_pull_request("acme/api", "ben", "One", ["a.py"])
    first.request_review(first_pull, ["ana"], by="ben")
    first.review(first_pull, "ana", "APPROVED")
    second = start()
    assert second.document == first.document
    second_pull = second.open_pull_request("acme/api", "ben", "Two", ["a.py"])
    assert second_pull.number == 2
    assert second_pull.id > max(first_pull.id, *(review.id for review in first_pull.reviews))
    assert [path.name for path in file.parent.iterdir()] == ["github.json"]
