"""Parsing of deliveries: only fields on the list become part of a fact."""

import json
from typing import Any

import pytest

from bot.github.model import (
    FACT,
    InstallationFact,
    Ping,
    PullRequestFact,
    PullRequestState,
    ReviewFact,
    ReviewState,
)
from bot.github.payloads import MalformedPayloadError, parse_event
from tests.payloads import ANA, CANARY, account, installation_payload, pull_request_payload, review_payload


def parse(event: str, payload: Any) -> Any:
    return parse_event(event, json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("pull_request", pull_request_payload("opened")),
        ("pull_request_review", review_payload()),
        ("installation", installation_payload()),
        ("repository", pull_request_payload("renamed")),
    ],
)
def test_fields_that_are_not_on_the_list_are_dropped(event: str, payload: Any) -> None:
    assert CANARY in json.dumps(payload)
    assert CANARY not in FACT.dump_json(parse(event, payload)).decode()


def test_a_fact_survives_being_stored() -> None:
    fact = parse("pull_request_review", review_payload())
    # Its owner is needed until it is stored under a workspace, and not after.
    assert FACT.validate_json(FACT.dump_json(fact)) == fact.model_copy(update={"owner": None})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"state": "open"}, PullRequestState.OPEN),
        ({"state": "closed"}, PullRequestState.CLOSED),
        ({"state": "closed", "merged_at": "2026-11-23T12:00:00Z"}, PullRequestState.MERGED),
    ],
)
def test_merged_differs_from_closed(changes: Any, state: PullRequestState) -> None:
    fact = parse("pull_request", pull_request_payload("closed", **changes))
    assert isinstance(fact, PullRequestFact)
    assert fact.pull_request.state is state


def test_the_reviewer_and_the_requester_are_kept() -> None:
    fact = parse("pull_request", pull_request_payload("review_requested", more={"requested_reviewer": ANA}))
    assert isinstance(fact, PullRequestFact)
    assert fact.reviewer is not None
    assert fact.sender is not None
    assert (fact.reviewer.login, fact.sender.login) == ("ana", "ben")


def test_a_team_request_names_its_team() -> None:
    team = {"id": 1, "slug": "payments", "description": CANARY}
    fact = parse("pull_request", pull_request_payload("review_requested", more={"requested_team": team}))
    assert isinstance(fact, PullRequestFact)
    assert fact.reviewer is None
    assert fact.team is not None
    assert fact.team.slug == "payments"


def test_bots_are_marked_as_such() -> None:
    robot = account("renovate[bot]", 900, "Bot")
    fact = parse("pull_request", pull_request_payload("opened", user=robot))
    assert isinstance(fact, PullRequestFact)
    assert fact.pull_request.author.is_bot


def test_a_deleted_author_is_a_ghost_and_a_deleted_reviewer_is_nobody() -> None:
    fact = parse("pull_request", pull_request_payload("opened", user=None, requested_reviewers=[None, ANA]))
    assert isinstance(fact, PullRequestFact)
    assert fact.pull_request.author.login == "ghost"
    assert [reviewer.login for reviewer in fact.pull_request.requested] == ["ana"]


@pytest.mark.parametrize("state", ["approved", "APPROVED"])
def test_review_states_are_read_in_either_spelling(state: str) -> None:
    fact = parse("pull_request_review", review_payload(state))
    assert isinstance(fact, ReviewFact)
    assert fact.review.state is ReviewState.APPROVED
    assert fact.pull_request.additions is None


def test_an_installation_brings_its_repositories() -> None:
    fact = parse("installation", installation_payload())
    assert isinstance(fact, InstallationFact)
    assert [repository.full_name for repository in fact.repositories] == ["acme/api"]


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("star", "created"),
        ("pull_request", "auto_merge_enabled"),
        ("pull_request_review", "edited"),
        ("installation", "unheard_of"),
        ("issues", ""),
    ],
)
def test_an_event_or_action_that_is_not_followed_is_no_fact(event: str, action: str) -> None:
    assert parse(event, {"action": action}) is None


def test_a_ping_is_a_fact() -> None:
    assert parse_event("ping", b'{"zen": "Keep it logically awesome."}') == Ping()


@pytest.mark.parametrize("missing", ["pull_request", "repository", "installation"])
def test_a_malformed_payload_names_the_field_and_never_a_value(missing: str) -> None:
    payload = pull_request_payload("opened")
    del payload[missing]
    with pytest.raises(MalformedPayloadError) as error:
        parse("pull_request", payload)
    assert missing in str(error.value)
    assert CANARY not in str(error.value)
    assert "Round up" not in str(error.value)
