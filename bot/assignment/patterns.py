"""Which paths and authors a pattern matches.

A path pattern is read as in CODEOWNERS and .gitignore, and always case-sensitively:

- `*` and `?` stay within one folder, `**` crosses folders, `[a-c]` is one of these, `{a,b}` either.
- A pattern without a slash (`*.sql`) matches in any folder. A pattern with one (`billing/*.py`, `/Makefile`)
  starts at the top of the repository; braces change nothing about that.
- `billing/` is everything below a folder of that name, `/billing/` only below the one at the top. A last
  part without a wildcard (`billing/api`) matches the file or the folder; one with a wildcard (`docs/*`)
  matches only files.
- An `ü` matches an `ü`, whether it is stored as one character or as two (NFC, NFD).
- `\\` takes a special character literally: `app/\\[id\\]/page.tsx`. Exclusions (`!`) are not understood.

An author pattern has only `*` and `?`, and matches in any case. Brackets are literal, so that `*[bot]`
matches every bot.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from bracex import ExpansionLimitException, iexpand

from bot.assignment.globs import Glob, Paths, compile_wildcards

_MOST_BRACES = 100
_WILDCARDS = frozenset("*?[{\\")


def first_match(patterns: Iterable[str], paths: Paths | Iterable[str]) -> str | None:
    """The first of these patterns that matches any of these paths. With many rules, prepare `Paths` once."""
    prepared = paths if isinstance(paths, Paths) else Paths(paths)
    return next(
        (pattern for pattern in patterns if any(glob.matches_any(prepared) for glob in _compile(pattern))),
        None,
    )


def why_useless(pattern: str) -> str | None:
    """Why a path pattern can match no path at all, or is not understood; None if it is fine."""
    if not pattern.strip("/"):
        return "is empty"
    if pattern.startswith("!"):
        return "starts with '!': exclusions are not understood"
    parts = pattern.strip("/").split("/")
    if "" in parts or "." in parts or ".." in parts:
        return f"can match no path: paths have no empty part, no '.' and no '..'{_meant(pattern)}"
    try:
        _compile(pattern)
    except ExpansionLimitException:
        return f"has braces for more than {_MOST_BRACES} patterns"
    return None


def _meant(pattern: str) -> str:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return ""
    is_anchored, is_folder = pattern.startswith("/"), pattern.endswith("/")
    return f"; did you mean '{'/' * is_anchored}{'/'.join(parts)}{'/' * is_folder}'?"


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> tuple[Glob, ...]:
    spelled = _spell_out(unicodedata.normalize("NFC", pattern))
    return tuple(
        Glob(expanded)
        for rooted in spelled
        for expanded in iexpand(rooted, keep_escapes=True, limit=_MOST_BRACES, return_empty=True)
    )


def _spell_out(pattern: str) -> list[str]:
    """The same pattern, with its place and the contents of a folder written out."""
    is_folder = pattern.endswith("/")
    inner = pattern.strip("/")
    is_anchored = pattern.startswith("/") or "/" in inner
    rooted = inner if is_anchored else f"**/{inner}"
    if is_folder:
        return [f"{rooted}/**"]
    has_wildcard = not _WILDCARDS.isdisjoint(inner.rpartition("/")[2])
    return [rooted] if has_wildcard else [rooted, f"{rooted}/**"]


def matches_author(pattern: str, login: str) -> bool:
    """Whether an author pattern matches this login."""
    return _compile_author(pattern).fullmatch(login) is not None


@lru_cache(maxsize=4096)
def _compile_author(pattern: str) -> re.Pattern[str]:
    return compile_wildcards(pattern, re.IGNORECASE)
