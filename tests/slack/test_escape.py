"""Text of others stays text: it cannot ping, link, format, hide or reorder anything."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack.escape import ELLIPSIS, WORD_JOINER, code, disarm, link, plain, web_address

NASTY = st.sampled_from(
    [
        "<!here>", "<!channel|x>", "<@U012ABC>", "<#C1|general>", "<!subteam^S1>", "<https://evil.example|ok>",
        "@here", "@channel", "@ana", "#general", "https://evil.example/x", "www.evil.example", "evil.example",
        "a@evil.example", "mailto:a@b.example", "*bold*", "_it_", "~gone~", "`code`", "```", ">", "&lt;", "&",
        "\u202e", "\u2066", "\u200b", "\u200d", "\n", "\r", "\u2028", "\x00", "\u0301" * 9,
        "👩‍👩‍👧‍👦", "🇩🇪", "é", " ",
    ]
)  # fmt: skip
TEXTS = st.lists(NASTY | st.text(max_size=8), max_size=12).map("".join)

LINKED_BY_SLACK = re.compile(r"\w+://\S|\bwww\.\w|[\w-]\.[^\W\d_]{2}|\w@\w|(?<!\w)[@#]\w|mailto:\S+@\w")
FORMATTED_BY_SLACK = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[*~`]")


@settings(max_examples=500)
@given(TEXTS)
def test_nothing_that_slack_parses_survives(text: str) -> None:
    safe = disarm(text, 60)
    assert "<" not in safe
    assert ">" not in safe
    assert re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", safe)
    assert not LINKED_BY_SLACK.search(safe)
    assert not FORMATTED_BY_SLACK.search(safe)
    assert not safe.startswith("&gt;")


@settings(max_examples=500)
@given(TEXTS, st.integers(min_value=1, max_value=40))
def test_plain_text_is_one_visible_line_within_its_limits(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert shown == " ".join(shown.split())
    hidden = {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert hidden <= {"\u200d"}
    assert len(shown) <= limit * 12
    assert len(disarm(text, limit)) <= limit * 12 * 5


@settings(max_examples=300)
@given(TEXTS)
def test_a_text_that_fits_is_not_cut(text: str) -> None:
    assert not plain(text, 500).endswith(ELLIPSIS) or ELLIPSIS in text


@settings(max_examples=300)
@given(TEXTS, TEXTS)
def test_a_link_leads_only_where_it_should(path: str, label: str) -> None:
    whole = link(f"https://github.example/{path}", disarm(label, 40))
    match = re.fullmatch(r"<(https://github\.example/[^|<>\s]*)\|[^|<>]*>", whole.replace("|", "|", 1))
    assert match or "|" in disarm(label, 40)
    assert whole.count("<") == whole.count(">") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fix rounding in snake_case_name, v1.2.3", "Fix rounding in snake_case_name, v1.2.3"),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("two\nlines\tand\u202etricks", "two lines andtricks"),
        ("> quoted", "› quoted"),  # noqa: RUF001 - that is how it looks
        ("zalgo e\u0301\u0301\u0301\u0301\u0301\u0301", "zalgo é\u0301\u0301\u0301"),
        ("", ""),
    ],
)
def test_ordinary_text_stays_readable(text: str, shown: str) -> None:
    assert disarm(text, 100) == shown


def test_an_address_is_split_by_an_invisible_character() -> None:
    assert disarm("see www.a.example", 100).replace(WORD_JOINER, "") == "see www.a.example"


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 2, "👩‍👩‍👧‍👦…"),
        ("🇩🇪🇫🇷🇮🇹", 2, "🇩🇪…"),
        ("e\u0302\u0301bc", 2, "ế…"),
    ],
)
def test_a_text_is_cut_between_grapheme_clusters(text: str, limit: int, shown: str) -> None:
    assert plain(text, limit) == shown


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//x.example", "https://", "http://[", ""]
)
def test_a_url_that_is_no_web_address_is_not_linked(url: str) -> None:
    assert web_address(url) is None
    assert link(url, "label") == "label"


def test_a_pattern_in_code_stays_as_it_was_written_and_cannot_end_the_code() -> None:
    assert code("docs/**/*.md", 100) == "`docs/**/*.md`"
    grave = "\N{MODIFIER LETTER GRAVE ACCENT}"
    assert code("`<!channel>`", 100) == f"`{grave}&lt;!channel&gt;{grave}`"
