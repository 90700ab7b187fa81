"""The quick way to read an event agrees with the careful way wherever it reads at all."""

import json
from typing import Any

import pytest

from bot.github import payloads
from bot.github.payloads import MalformedPayloadError, ParsedEvent
from bot.github.usual import read_usual
from tests.payloads import ANA, pull_request_payload, review_payload
from tests.web.test_odd_payloads import CASES

TEAM = {"id": 3, "slug": "payments"}
DEPENDABOT: dict[str, Any] = {"id": 9, "login": "dependabot[bot]", "type": "Bot"}
MERGED: dict[str, Any] = {
    "state": "closed",
    "merged_at": "2026-11-23T15:00:00Z",
    "closed_at": "2026-11-23T15:00:00Z",
}
USUAL = {
    "opened": pull_request_payload("opened", labels=[{"name": "ui"}, {"name": "ü"}], title=""),
    "asked": pull_request_payload(
        "review_requested", requested_reviewers=[ANA], more={"requested_reviewer": ANA}
    ),
    "a team": pull_request_payload("review_requested", requested_teams=[TEAM], more={"requested_team": TEAM}),
    "a label": pull_request_payload("labeled", more={"label": {"name": "ui"}}),
    "merged": pull_request_payload("closed", **MERGED),
    "by a bot": pull_request_payload("opened", user=DEPENDABOT, more={"sender": DEPENDABOT}),
    "by a ghost": pull_request_payload("edited", user=None, more={"sender": None}),
    "emoji": pull_request_payload("edited", title='\N{ROCKET} \\ " \x7f'),
}
REVIEWS = {
    "approved": review_payload(),
    "dismissed": review_payload("dismissed", action="dismissed", labels=[{"name": "ui"}]),
    "commented": review_payload("commented"),
}


def read_carefully(event: str, body: bytes) -> ParsedEvent | None:
    try:
        return payloads.parse_carefully(event, body)
    except MalformedPayloadError:
        return None


@pytest.mark.parametrize("name", [*USUAL, *REVIEWS])
def test_a_usual_event_is_read_quickly_and_as_carefully(name: str) -> None:
    event = "pull_request" if name in USUAL else "pull_request_review"
    body = json.dumps((USUAL | REVIEWS)[name]).encode()
    assert read_usual(event, body) is not None
    assert ParsedEvent(read_usual(event, body)) == read_carefully(event, body)


def test_an_odd_event_is_read_as_the_careful_way_does_or_left_to_it() -> None:
    differ = []
    for number, case in enumerate(CASES):
        body = case.body(number)
        fact = read_usual(case.event, body)
        if fact is not None and ParsedEvent(fact) != read_carefully(case.event, body):
            differ.append(case)
    assert differ == []


def changed(**changes: Any) -> bytes:
    return json.dumps(pull_request_payload("opened", **changes)).encode()


@pytest.mark.parametrize(
    "body",
    [
        changed(title="x" * 1001),
        changed(title="a\0b"),
        changed(body="a\ud800b"),
        changed(labels=[{"name": "a\0b"}]),
        changed(updated_at="2026-02-30T12:00:00Z"),
        changed(updated_at="2026-11-23T12:00:00+01:00"),
        changed(updated_at=1700000000),
        changed(number=True),
        changed(number="12"),
        changed(number=12.0),
        changed(state="OPEN"),
        changed(draft=None),
        changed(labels=[None]),
        changed(html_url="javascript:x"),
        changed().replace(b"Round", b"Ro\0nd"),
        changed().replace(b"Round", b"Ro\xffnd"),
        changed()[:-1],
        b"",
        b"[]",
        b"[" * 5000,
    ],
    ids=lambda body: body[-20:].decode("latin1").encode("unicode_escape").decode(),
)
def test_the_rest_is_left_to_the_careful_way(body: bytes) -> None:
    assert read_usual("pull_request", body) is None


def test_actions_and_events_that_are_not_followed_are_no_facts() -> None:
    assert read_usual("pull_request", json.dumps(pull_request_payload("assigned")).encode()) is None
    assert read_usual("star", changed()) is None
