"""Slack's reading of a text: the people that it pings, its links, and the text that a person sees."""

from typing import Any

import pytest

from bot.sandbox.slack.model import Message
from bot.sandbox.slack.world import SlackWorld
from tests.sandbox.slack.conftest import actions, button, menu, section


def text(content: str, **more: Any) -> Message:
    return Message(ts="1.000000", channel="D0ANA00001", author="U0RIPE0BOT", text=content, **more)


def blocks(*parts: dict[str, Any]) -> Message:
    return text("", blocks=list(parts))


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("for <@U0BEN00001>", "U0BEN00001"),
        ("for <@U0BEN00001|ben>", "U0BEN00001"),
        ("<!channel> look", "channel"),
        ("<!here|here>", "here"),
        ("<!everyone>", "everyone"),
        ("<!subteam^S123|@team>", "S123"),
        ("in code `<!channel>`", "channel"),
    ],
)
def test_a_control_sequence_notifies(world: SlackWorld, content: str, target: str) -> None:
    for message in (text(content, parse="none"), blocks(section(content, verbatim=True))):
        assert [mention.target for mention in world.mentions_in(message)] == [target]


@pytest.mark.parametrize(
    "content",
    ["&lt;!channel&gt;", "&lt;@U0BEN00001&gt;", "<!date^1|{date}|today>", "<#C1|general>", "< @U1>", "a <b"],
)
def test_escaped_text_notifies_nobody(world: SlackWorld, content: str) -> None:
    assert world.mentions_in(blocks(section(content))) == []


def test_plain_text_notifies_nobody(world: SlackWorld) -> None:
    assert world.mentions_in(blocks(actions(button("<!channel>", "a")))) == []


def test_bare_names_notify_if_slack_parses_them(world: SlackWorld) -> None:
    assert [m.target for m in world.mentions_in(text("@here and @ben", parse="full"))] == [
        "here",
        "U0BEN00001",
    ]
    assert [m.target for m in world.mentions_in(blocks(section("@channel")))] == ["channel"]
    assert world.mentions_in(text("@here and @ben", parse="none")) == []
    assert world.mentions_in(blocks(section("@channel @ben", verbatim=True))) == []
    assert [m.target for m in world.mentions_in(text("@ben", parse="none", link_names=True))] == [
        "U0BEN00001"
    ]


@pytest.mark.parametrize(
    ("content", "url", "label"),
    [
        ("<https://acme.example/a?b=1&amp;c=2|Title>", "https://acme.example/a?b=1&c=2", "Title"),
        ("<https://acme.example>", "https://acme.example", "https://acme.example"),
        ("<mailto:ana@acme.example|Ana>", "mailto:ana@acme.example", "Ana"),
    ],
)
def test_a_marked_up_address_is_a_link(world: SlackWorld, content: str, url: str, label: str) -> None:
    [link] = world.links_in(blocks(section(content, verbatim=True)))
    assert (link.url, link.label, link.is_bare) == (url, label, False)


@pytest.mark.parametrize(
    "content",
    ["see https://evil.example/x now", "see evil.example", "ana@evil.example", "ftp://evil.example"],
)
def test_a_bare_address_is_a_link_unless_parsing_is_off(world: SlackWorld, content: str) -> None:
    assert [link.is_bare for link in world.links_in(blocks(section(content)))] == [True]
    assert [link.is_bare for link in world.links_in(text(content))] == [True]
    assert world.links_in(blocks(section(content, verbatim=True))) == []
    assert world.links_in(text(content, parse="none")) == []


@pytest.mark.parametrize("content", ["1.5 hours", "acme/api#12", "a &lt;b|c&gt; d", "Mr. Smith", "e.g"])
def test_ordinary_words_are_no_links(world: SlackWorld, content: str) -> None:
    assert world.links_in(blocks(section(content))) == []


def test_a_message_reads_as_it_is_shown(world: SlackWorld) -> None:
    message = blocks(
        {"type": "header", "text": {"type": "plain_text", "text": "Your turn"}},
        section("*<https://acme.example/1|Fix &lt;billing&gt;>* by <@U0BEN00001>\n~old~ 2 * 3"),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "+1 · waiting"}]},
        {"type": "divider"},
        actions(button("Open", "open"), menu("snooze", "hour")),
        {**section("muted"), "accessory": button("Unmute", "unmute")},
    )
    assert world.rendered_text(message).splitlines() == [
        "Your turn",
        "Fix <billing> by @ben",
        "~old~ 2 * 3",
        "+1 · waiting",
        "--------------------",
        "[Open] [Snooze]",
        "muted  [Unmute]",
    ]


def test_a_message_without_blocks_reads_as_its_text(world: SlackWorld) -> None:
    assert world.rendered_text(text("*Hi* <!here> &amp; <@U404>")) == "Hi @here & @U404"
