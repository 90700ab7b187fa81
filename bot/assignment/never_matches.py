"""Patterns that are written well and yet match nothing, each with the pattern that was probably meant. Pure.

Only a file that is checked is held to this: rules that an earlier version stored must still load.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from bot.assignment.titles import why_not_linear

_LITERAL_BACKSLASH = re.compile(r"\\(?![\[\]*?{}!,\\-])")
_CLASS = re.compile(r"(?<!\\)\[(?:[!^]?\]?[^\]/]*)\]")
_OPEN = re.compile(r"(?<!\\)\[")
_NAME = re.compile(r"(?:(?<=^)|(?<=/))(\[+)((?:\.{3})?[A-Za-z][\w-]*)(\]+)(?=[/.]|$)")
_RANGE = re.compile(r"(\w)-(\w)")
_RANGES = re.compile(r"(?<!\\)\[[!^]?(?:\w-\w)+\]")
_AUTHOR = re.compile(r"[A-Za-z0-9_*?\[\]-]+")


def why_no_path(pattern: str) -> str | None:
    """Why a path pattern can match no path that its author means, with a suggestion; None if it may."""
    return next((why for check in _CHECKS if (why := check(pattern)) is not None), None)


def why_no_author(pattern: str) -> str | None:
    """Why an author pattern can match no GitHub login, with a suggestion; None if it may."""
    if _AUTHOR.fullmatch(pattern):
        return None
    app = pattern.strip().removeprefix("@").removeprefix("app/")
    meant = f"{app}[bot]" if pattern.strip().startswith("app/") else "".join(app.split())
    return f"can match no login{_meant(meant) if _AUTHOR.fullmatch(meant) else ''}"


def why_no_label(label: str) -> str | None:
    """Why no label on GitHub is this one; None if one may be."""
    is_spaced = label != label.strip()
    return f"starts or ends with a space, as no label does{_meant(label.strip())}" if is_spaced else None


def why_no_title(pattern: str) -> str | None:
    """Why a regular expression must not be used on titles, which strangers choose; None if it may."""
    if (why := why_not_linear(pattern)) is None:
        return None
    return f"{why}; some titles would take it hours, so write it without"


def _has_spaces(pattern: str) -> str | None:
    if pattern == pattern.strip():
        return None
    return f"starts or ends with a space, and paths do not{_meant(pattern.strip())}"


def _has_invisible(pattern: str) -> str | None:
    visible = "".join(char for char in pattern if unicodedata.category(char) not in ("Cc", "Cf"))
    return None if visible == pattern else f"has invisible characters{_meant(visible)}"


def _has_dots(pattern: str) -> str | None:
    if not pattern.startswith("./"):
        return None
    return f"starts with './', and paths do not{_meant(pattern.removeprefix('./'))}"


def _has_backslash(pattern: str) -> str | None:
    is_of_windows = "/" not in pattern and re.search(r"\w\\[*?]", pattern)
    if not (is_of_windows or _LITERAL_BACKSLASH.search(pattern)):
        return None
    return f"has a backslash, and folders are separated by '/'{_meant(pattern.replace(chr(92), '/'))}"


def _is_a_name(pattern: str) -> str | None:
    names = [match for match in _NAME.finditer(pattern) if _reads_as_name(match[2])]
    if not names:
        return None
    meant = _NAME.sub(lambda match: _escape(match[0]) if _reads_as_name(match[2]) else match[0], pattern)
    return f"has {names[0][0]}, which matches one of these letters and no folder of that name{_meant(meant)}"


def _reads_as_name(letters: str) -> bool:
    """Whether `[id]` means a folder. Letters in order (`[abc]`), ranges and `[rR]` mean one character."""
    ranges = _RANGE.findall(letters)
    if ranges:
        return any(first > last for first, last in ranges)
    return len(letters) > 1 and [*letters] != sorted(set(letters)) and len(set(letters.lower())) > 1


def _is_open(pattern: str) -> str | None:
    rest = _CLASS.sub("", pattern)
    if _OPEN.search(rest):
        return f"has a '[' without its ']'{_meant(_OPEN.sub(lambda _: chr(92) + '[', pattern))}"
    braces = re.sub(r"\\.", "", rest)
    if braces.count("{") > braces.count("}"):
        return "has a '{' without its '}'" + _meant(pattern + "}" * (braces.count("{") - braces.count("}")))
    return None


def _is_backwards(pattern: str) -> str | None:
    for letters in _RANGES.finditer(pattern):
        for first, last in _RANGE.findall(letters[0]):
            if first > last:
                meant = pattern.replace(f"{first}-{last}", f"{last}-{first}")
                return f"has {letters[0]}, and no letter is in that range{_meant(meant)}"
    return None


_CHECKS: tuple[Callable[[str], str | None], ...] = (
    _has_spaces, _has_invisible, _has_dots, _has_backslash, _is_backwards, _is_a_name, _is_open,
)  # fmt: skip


def _escape(text: str) -> str:
    return "".join(_escaped(text))


def _escaped(text: str) -> Iterator[str]:
    for char in text:
        yield f"\\{char}" if char in "[]" else char


def _meant(pattern: str) -> str:
    """Single quotes, in which YAML keeps backslashes."""
    return f"; did you mean '{pattern}'?" if pattern else ""
