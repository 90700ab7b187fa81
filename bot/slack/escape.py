"""Disarms text that others wrote: it cannot ping anyone, become a link, or format, hide or reorder text.

Slack reads `<...>` as control sequences, turns addresses and some names into links, and formats text between
`*`, `_`, `~` and backticks (https://docs.slack.dev/messaging/formatting-message-text). `verbatim` on a text
object only stops the links, and not every text is in a text object, so the text itself is changed here.
"""

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import regex

ELLIPSIS = "…"
WORD_JOINER = "\u2060"
"""Invisible and without width. It splits texts that Slack would take for an address or a name."""
_ZERO_WIDTH_JOINER = "\u200d"
_VARIATION_SELECTOR = "\ufe0f"
MOST_MARKS = 3
"""Combining marks on one letter. A pile of them runs over the lines above and below."""

# Slack has no escape for these, and no invisible character disables them reliably.
_LOOKALIKES = str.maketrans(
    {"*": "\N{ASTERISK OPERATOR}", "~": "\N{TILDE OPERATOR}", "`": "\N{MODIFIER LETTER GRAVE ACCENT}"}
)
_LIKE_UNDERSCORE = "\N{MODIFIER LETTER LOW MACRON}"
_LIKE_GREATER = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
# Slack does not format an underscore inside a word, such as snake_case, so it stays.
_UNDERSCORE_AT_AN_EDGE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ADDRESS_POINT = re.compile(r"(?<=\S)[.\u3002\uff61\uff0e](?=[^\W\d_])|:(?=//)|[@#](?=\w)")
"""The dot of a domain (some scripts have their own), the colon of a scheme, the sign of a name."""
_QUOTE = re.compile(r"^\s*>+")
_CLUSTER = regex.compile(r"\X")
"""A grapheme cluster, which a person sees as one character: a letter with its marks, an emoji, a flag."""
MOST_IN_CLUSTER = 12
"""Code points: a family of four with skin tones has eleven. Longer clusters count as several characters."""
_SAFE_IN_URL = "%/:?#[]@!$&'()*+,;=~-._"


def plain(text: str, limit: int) -> str:
    """One line of visible text, at most `limit` characters as a person counts them, the last an ellipsis.

    For `plain_text` objects, which Slack does not parse.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return " ".join(text.split())
    visible = " ".join("".join(_visible(unicodedata.normalize("NFC", text))).split())
    # Cut, because finding the clusters of a long row of flags takes the square of its length.
    shown = visible[: (limit + 1) * MOST_IN_CLUSTER]
    characters = [
        cluster[start : start + MOST_IN_CLUSTER]
        for cluster in _CLUSTER.findall(shown)
        for start in range(0, len(cluster), MOST_IN_CLUSTER)
    ]
    if len(characters) <= limit:
        return visible
    return "".join(characters[: limit - 1]).rstrip() + ELLIPSIS


def disarm(text: str, limit: int) -> str:
    """The same, safe where Slack parses text: in mrkdwn, and in the text of a notification."""
    text = _QUOTE.sub(lambda match: _LIKE_GREATER * match.group().count(">"), plain(text, limit))
    text = _UNDERSCORE_AT_AN_EDGE.sub(_LIKE_UNDERSCORE, text.translate(_LOOKALIKES))
    text = _ADDRESS_POINT.sub(lambda match: WORD_JOINER + match.group() + WORD_JOINER, text)
    return _escape(text)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str, limit: int) -> str:
    """The same between backticks, where Slack formats nothing, so patterns stay as they were written.

    Only for text of our own configuration: addresses in it are not split.
    """
    text = plain(text, limit).replace("`", "\N{MODIFIER LETTER GRAVE ACCENT}")
    return f"`{_escape(text)}`"


def link(url: str, label: str) -> str:
    """A mrkdwn link to a URL that GitHub gave us, or just the label if it is no web address.

    `label` must be disarmed.
    """
    address = web_address(url)
    return f"<{address.replace('&', '&amp;')}|{label}>" if address else label


def web_address(url: str) -> str | None:
    """`url` without characters that could end a link early. None if it is not an address on the web."""
    address = quote(url, safe=_SAFE_IN_URL)
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname and len(address) <= 3000 else None


def _visible(text: str) -> Iterator[str]:
    """The visible characters: no controls, no direction marks, nothing without width except in an emoji."""
    before, marks = " ", 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        if category in ("Cc", "Zl", "Zp"):
            character = " "
        elif not _is_shown(character, category, before) or marks > MOST_MARKS:
            continue
        before = character
        yield character


def _is_shown(character: str, category: str, before: str) -> bool:
    if character == _ZERO_WIDTH_JOINER:
        return before == _VARIATION_SELECTOR or unicodedata.category(before) in ("So", "Sk")
    return category not in ("Cf", "Cs", "Co", "Cn")
