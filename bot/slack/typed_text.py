"""Cleans a typed or pasted line before it is parsed: invisible characters, markup, typography. Pure.

It removes everything that `escape.py` puts into a text to disarm it, so people can paste what Ripe shows.
"""

import re
import unicodedata
from html import unescape

MOST_TYPED = 500
"""Characters. No command needs more, so a longer text is refused, or cut, before it costs time."""

_PULL_REQUEST = re.compile(
    r"(?:https?://[^\s/|>]+/|(?<![\w./-])(?:[\w-]+(?:\.[\w-]+)+(?::\d+)?/)?)"
    r"([\w.-]+/[\w.-]+)/(?:pull|issues)/(\d{1,9})(?![\w-])[^\s|>]*"
)
"""Its address, with the server's name or without."""
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_LINK = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_CODE_NAME = re.compile(r"(?<!\S)_++(?=\S)|(?<=[^\s_])_++(?!\S)")
"""Underscores around a word: a run of them is read once, so that a long one costs no more."""
_EMOJI_CODE = re.compile(r"(?<![\w:])(?::[a-zA-Z+-][\w+-]*:)+(?!\w)")
"""Such as `:smile:`, as Slack sends most emoji."""
_FRACTION = re.compile("(\\d{0,3})([\u00bc\u00bd\u00be])")
_FRACTIONS = {"\u00bc": "25", "\u00bd": "5", "\u00be": "75"}
_MINUTES = re.compile("(?<=\\d)['\u2019\u2032](?!\\w)")
"""The sign of minutes in `90'`, if there is just one such sign in the text."""
_QUOTE_OR_BULLET = re.compile(r"^(?:[>\u203a\u2022-]+ )+")

_SINGLE = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212", "-"),
    # The lookalikes of bot.slack.escape.
    "\N{MODIFIER LETTER LOW MACRON}": "_",
    # Quotes and signs of bold, struck-out text and code: no command and no name on GitHub has one.
    **dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u00ab\u00bb\u00b4\"'`*~", ""
    ),
    **dict.fromkeys("\N{ASTERISK OPERATOR}\N{TILDE OPERATOR}\N{MODIFIER LETTER GRAVE ACCENT}", ""),
    # Blank, and yet letters or marks to Unicode.
    **dict.fromkeys("\N{COMBINING GRAPHEME JOINER}\u115f\u1160\u3164\uffa0", ""),
    "\N{BRAILLE PATTERN BLANK}": " ",
}
_REPLACED = str.maketrans(_SINGLE)


def clean_typed(text: str) -> str:
    """The line in plain characters, with single spaces. Case stays, and so does `<@U123>`.

    A link becomes its label; the address of a pull request becomes its name, such as acme/api#12. Only the
    first MOST_TYPED characters are read, of the text and of its plain form, which may be 18 times longer.
    """
    text = text[:MOST_TYPED]
    if sum(map(text.count, "'\u2018\u2019\u2032")) == 1:
        text = _MINUTES.sub("m", text)
    text = _FRACTION.sub(lambda match: f"{match[1] or 0}.{_FRACTIONS[match[2]]}", text)
    text = _PULL_REQUEST.sub(r"\1#\2", _MENTION.sub(r"<@\1>", _visible(text)))
    text = unescape(_LINK.sub(_shown, text))
    text = " ".join(_EMOJI_CODE.sub(" ", _visible(text)).translate(_REPLACED).split())
    return _QUOTE_OR_BULLET.sub("", _CODE_NAME.sub("", text))


def _shown(link: re.Match[str]) -> str:
    """The part of a link that people see, and mentions as they are."""
    target, label = link[1], link[2]
    if target.startswith("@") and not label:
        return f"<{target}>"
    is_named = re.fullmatch(r"[\w.-]+/[\w.-]+#\d{1,9}", target) is not None
    return target if is_named or label is None else label


def _visible(text: str) -> str:
    """In compatible characters and ASCII digits, without controls, emoji and characters of no width."""
    compatible = unicodedata.normalize("NFKC", text[:MOST_TYPED])[:MOST_TYPED]
    return "".join(map(_visible_character, compatible))


def _visible_character(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else " "
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category in ("Cc", "Zs", "Zl", "Zp", "So"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn", "Me") or _is_modifier(character) else character


def _is_modifier(character: str) -> bool:
    """Whether it only chooses a form or a skin tone of the emoji before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff"
