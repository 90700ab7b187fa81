"""Reads a JSON body that may hold characters or numbers which neither Postgres nor Slack can take."""

import json
import re
from typing import Any, NamedTuple

from pydantic_core import from_json

REPLACEMENT = "\ufffd"
"""Stands for each character that was replaced. Removing it instead could turn one login into another."""
LONGEST_NUMBER = 30
"""In digits. Anything longer is beyond every range that we accept."""

_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair is one good character
    rb"|(?P<bad>\\u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000))"
    rb"|\\."
)
_SUSPICIOUS = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_BAD_CHARACTERS = re.compile("[\0\ud800-\udfff]")
_ESCAPED_REPLACEMENT = rb"\ufffd"


class Cleaned(NamedTuple):
    """A document, and how many characters of its body were replaced."""

    value: Any
    replaced: int


def read_json(body: bytes | bytearray) -> Cleaned:
    """The document in `body`, without NUL, lone surrogates or broken UTF-8. Raises ValueError."""
    text, replaced = _clean(body)
    try:
        return Cleaned(from_json(text), replaced)
    except ValueError:
        return Cleaned(_read_leniently(text), replaced)


def clean_text(value: object) -> object:
    """A text without NUL and lone surrogates, as an answer of the API may hold; anything else as it is."""
    return _BAD_CHARACTERS.sub(REPLACEMENT, value) if isinstance(value, str) else value


def _clean(body: bytes | bytearray) -> tuple[bytes | bytearray, int]:
    replaced = body.count(0)
    if replaced:
        body = body.replace(b"\0", REPLACEMENT.encode())
    try:
        body.decode()
    except UnicodeDecodeError:
        decoded = body.decode(errors="replace")
        replaced += decoded.count(REPLACEMENT) - body.count(REPLACEMENT.encode())
        body = decoded.encode()
    if not _SUSPICIOUS.search(body):
        return body, replaced
    escapes = 0

    def mend(match: re.Match[bytes]) -> bytes:
        nonlocal escapes
        if match["bad"] is None:
            return match[0]
        escapes += 1
        return _ESCAPED_REPLACEMENT

    return _ESCAPES.sub(mend, body), replaced + escapes


def _read_leniently(text: bytes | bytearray) -> Any:
    """As Python reads it, which takes control characters in strings and, with our help, endless numbers."""
    try:
        return json.loads(text, strict=False, parse_int=_read_integer)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _read_integer(digits: str) -> int:
    return int(digits[:LONGEST_NUMBER])
