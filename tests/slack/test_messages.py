"""The content of DMs: short, easy to scan, with a clear line for the lock screen."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import RequestId
from bot.reminders.model import AuthorNoticeKind, Card, Look, NoticeKind
from bot.reviews.model import CloseReason
from bot.sandbox.slack.blocks import check_blocks
from bot.sandbox.slack.model import Message
from bot.sandbox.slack.mrkdwn import links_in, mentions_in
from bot.slack.messages import Rendered, describe_working_time, join_words, render_card
from bot.slack.notices import render_author_notice
from tests.factories import pull_request
from tests.slack.test_escape import TEXTS

CARD = Card(
    request_id=RequestId(7),
    look=Look.LIVE,
    sequence=0,
    repository="acme/api",
    number=12,
    title="Round half to even",
    url="https://github.example/acme/api/pull/12",
    author="ben",
    additions=120,
    deletions=8,
    turn="ben asked for your review",
    reminders=3,
)
LINK = "<https://github.example/acme/api/pull/12|Round half to even>"


def texts(rendered: Rendered) -> list[str]:
    """Every mrkdwn text, in order."""
    texts: list[str] = []
    for block in rendered.blocks:
        for holder in (block.get("text"), *(block.get("elements") or ())):
            if isinstance(holder, dict) and holder.get("type") == "mrkdwn":
                texts.append(holder["text"])
    return texts


def buttons(rendered: Rendered) -> list[dict[str, Any]]:
    return [e for block in rendered.blocks if block["type"] == "actions" for e in block["elements"]]


def label_of(button: dict[str, Any]) -> str:
    return str((button.get("text") or button["placeholder"])["text"])


def test_the_first_dm_names_the_title_the_author_the_size_and_the_reason() -> None:
    rendered = render_card(CARD, timedelta(0))
    assert texts(rendered) == [
        f"*{LINK}*\nacme/api#12 · +120 \N{MINUS SIGN}8 · by ben",
        "ben asked for your review",
    ]
    assert rendered.text == (
        "ben asked for your review: Round half to even (acme/api#12, +120 \N{MINUS SIGN}8, by ben)"
    )


def test_the_pattern_of_a_rule_is_shown_as_it_was_written() -> None:
    owner = CARD.model_copy(update={"turn": "asked of you because you own", "owned": "billing/**"})
    rendered = render_card(owner, timedelta(0))
    assert texts(rendered)[1] == "asked of you because you own `billing/**`"
    assert "**" not in rendered.text


def test_a_reminder_counts_itself_and_the_time_that_passed() -> None:
    rendered = render_card(CARD.model_copy(update={"sequence": 2}), timedelta(hours=12, minutes=40))
    assert texts(rendered)[1] == "ben asked for your review · reminder 2 of 3 · waiting 12 working hours"
    assert rendered.text.startswith("Reminder 2, waiting 12 working hours: Round half to even (acme/api#12")


def test_every_button_knows_its_review_request() -> None:
    shown = buttons(render_card(CARD, timedelta(0)))
    assert [label_of(button) for button in shown] == ["Open", "Snooze", "Why me?", "Mute"]
    assert [button["action_id"] for button in shown] == ["open", "snooze", "why", "mute"]
    assert shown[0]["url"] == "https://github.example/acme/api/pull/12"
    assert [option["value"] for option in shown[1]["options"]] == [
        "7:hour",
        "7:tomorrow",
        "7:next_week",
        "7:change",
    ]
    assert {button["value"] for button in shown if "value" in button} == {"7"}


def test_the_very_first_dm_says_where_it_comes_from_and_how_to_stop_it() -> None:
    last = texts(render_card(CARD.model_copy(update={"is_first_ever": True}), timedelta(0)))[-1]
    assert "Ripe" in last
    assert all(way in last for way in ("/snooze", "/ooo", "Mute"))


def test_a_quiet_dm_says_why_and_offers_no_snooze() -> None:
    card = CARD.model_copy(update={"look": Look.QUIET, "note": "Back in draft."})
    rendered = render_card(card, timedelta(hours=3))
    assert texts(rendered)[1] == "Back in draft."
    assert [label_of(button) for button in buttons(rendered)] == ["Open"]


def test_an_older_dm_is_one_line() -> None:
    rendered = render_card(CARD.model_copy(update={"look": Look.OLDER}), timedelta(hours=3))
    assert [block["type"] for block in rendered.blocks] == ["context"]
    assert texts(rendered) == [f"{LINK} · acme/api#12 · there is a newer reminder below"]


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        (CloseReason.APPROVED, "approved by you"),
        (CloseReason.CHANGES_REQUESTED, "you asked for changes"),
        (CloseReason.COMMENTED, "you commented"),
        (CloseReason.UNASSIGNED, "no longer asked of you"),
        (CloseReason.REMOVED, "no longer asked of you"),
        (CloseReason.MERGED, "merged"),
        (CloseReason.CLOSED, "closed"),
    ],
)
def test_a_finished_review_is_struck_and_says_how_it_ended(reason: CloseReason, ending: str) -> None:
    card = CARD.model_copy(update={"look": Look.OVER, "close_reason": reason})
    rendered = render_card(card, timedelta(hours=3))
    assert texts(rendered) == [f"~{LINK}~ · acme/api#12 · {ending}"]
    assert buttons(rendered) == []
    assert rendered.text == f"acme/api#12 Round half to even: {ending}"


def test_without_sizes_or_a_title_it_still_reads() -> None:
    card = CARD.model_copy(update={"additions": None, "deletions": None, "title": "\u202e \n"})
    assert "(no title)" in texts(render_card(card, timedelta(0)))[0]
    assert texts(render_card(card, timedelta(0)))[0].endswith("\nacme/api#12 · by ben")


NAMES = {name: "U1" for name in ("ana", "ben", "cho", "U012ABC", "here")}


def assert_harmless(rendered: Rendered, *addresses: str) -> None:
    """Slack's strict reader takes the message, which pings nobody and links only to `addresses`."""
    assert check_blocks(list(rendered.blocks)) == []
    # This reader is lenient: it formats everything that Slack might format.
    lenient = [unmarked(block) for block in rendered.blocks]
    message = Message(
        ts="1", channel="D1", author="B1", text=rendered.text, blocks=lenient, parse="full", link_names=True
    )
    assert mentions_in(message, NAMES) == []
    assert {address.url for address in links_in(message)} <= set(addresses)


def unmarked(part: Any) -> Any:
    """The blocks without `verbatim`, so that safety does not depend on it."""
    if isinstance(part, dict):
        return {key: unmarked(value) for key, value in part.items() if key != "verbatim"}
    return [unmarked(each) for each in part] if isinstance(part, list) else part


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.sampled_from(Look), st.booleans())
def test_text_of_others_pings_nobody_and_becomes_no_link(
    title: str, author: str, turn: str, look: Look, is_first_ever: bool
) -> None:
    card = CARD.model_copy(
        update={
            "title": title,
            "author": author,
            "repository": f"acme/{author}",
            "turn": turn,
            "note": turn,
            "look": look,
            "sequence": len(title) % 3,
            "is_first_ever": is_first_ever,
        }
    )
    assert_harmless(render_card(card, timedelta(hours=5)), CARD.url)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=7), st.sampled_from(get_args(AuthorNoticeKind)))
def test_text_of_others_does_not_break_out_of_a_notice(
    title: str, logins: list[str], kind: AuthorNoticeKind
) -> None:
    about = pull_request(title=title)
    assert_harmless(render_author_notice(kind, about, logins), about.url)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_addresses_of_others_do_not_break_out(path: str) -> None:
    card = CARD.model_copy(update={"url": f"https://github.example/{path}"})
    rendered = render_card(card, timedelta(0))
    assert check_blocks(list(rendered.blocks)) == []
    message = Message(ts="1", channel="D1", author="B1", blocks=list(rendered.blocks))
    assert mentions_in(message, NAMES) == []
    assert all(address.url.startswith("https://github.example/") for address in links_in(message))


@pytest.mark.parametrize(
    ("kind", "reviewers", "headline"),
    [
        (NoticeKind.NOBODY_REACHABLE, ("ana",), "nobody who was asked can be reached in Slack"),
        (NoticeKind.NOBODY_LEFT, (), "no reviewer could be found"),
        (NoticeKind.NO_ANSWER, ("ana", "cho"), "no answer yet from ana and cho"),
    ],
)
def test_a_notice_tells_the_author_the_problem_and_the_next_step(
    kind: AuthorNoticeKind, reviewers: tuple[str, ...], headline: str
) -> None:
    rendered = render_author_notice(kind, pull_request(), reviewers)
    assert texts(rendered)[0].endswith(f"acme/api#12 · {headline}")
    assert rendered.text.startswith(headline)
    assert [label_of(button) for button in buttons(rendered)] == ["Open"]


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (4, None),
        (5, "5 working minutes"),
        (59, "59 working minutes"),
        (60, "1 working hour"),
        (170, "2 working hours"),
    ],
)
def test_ages_are_rough(minutes: int, said: str | None) -> None:
    assert describe_working_time(timedelta(minutes=minutes)) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "nobody"),
        (("a",), "a"),
        (("a", "b"), "a and b"),
        (("a", "b", "c"), "a, b and c"),
        (tuple("abcdef"), "a, b, c, d and 2 more"),
    ],
)
def test_a_long_list_counts_its_last_names(names: tuple[str, ...], said: str) -> None:
    assert join_words(names) == said
