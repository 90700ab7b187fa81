"""Matches paths with one pattern each, in a time linear in the paths, whatever they look like. Pure.

Strangers choose the paths, so no path may cost much. A pattern falls into parts between its `**`. They are
looked for from left to right, and the earliest place of a part is always right: it leaves the most room for
the rest, so nothing is tried twice. The same holds for the pieces between the `*` of one segment.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple, TypeAlias

Place: TypeAlias = tuple[str, int, int]
"""A spelled path, and from where to where the rest of a pattern may match."""

MOST_NAMES = 100_000
"""Names of files and folders to keep in memory at once."""
_ANY = "[^/]"
_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f", "digit": "0-9", "graph": r"\x21-\x7e", "lower": "a-z",
    "print": r"\x20-\x7e", "punct": r"!-/:-@\[-`{-~", "space": r"\t-\r ", "upper": "A-Z",
    "word": "0-9A-Z_a-z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_NAMED_CLASS = re.compile(rf"\[:({'|'.join(_POSIX)}):\]")


class Paths:
    """Changed paths, prepared for many patterns. It remembers where names are, because rules share names."""

    def __init__(self, paths: Iterable[str]) -> None:
        # A slash at both ends: so every segment has one on each side.
        self.spelled = [f"/{unicodedata.normalize('NFC', path)}/" for path in paths]
        self._names = _collect_names(self.spelled)
        self._first: dict[str, list[int]] = {}
        self._last: dict[str, list[int]] = {}
        self._ending: dict[str, list[str]] = {}
        self._below: dict[str, list[str]] | None = None

    def may_have(self, names: frozenset[str]) -> bool:
        """Whether some paths may have segments of all these names. A cheap answer for most patterns."""
        return self._names is None or names <= self._names

    def find_first(self, text: str) -> list[int]:
        """Where each path has this text for the first time; -1 without it."""
        if text not in self._first:
            self._first[text] = [path.find(text) for path in self.spelled]
        return self._first[text]

    def find_last(self, text: str) -> list[int]:
        """Where each path has this text for the last time; -1 without it."""
        if text not in self._last:
            self._last[text] = [path.rfind(text) for path in self.spelled]
        return self._last[text]

    def list_ending(self, text: str) -> list[str]:
        """The paths that end with this text, of which a slash is the last character."""
        if text not in self._ending:
            self._ending[text] = [path for path in self.spelled if path.endswith(text)]
        return self._ending[text]

    def list_below(self, top: str) -> list[str]:
        """The paths whose first segment has this name."""
        if self._below is None:
            self._below = defaultdict(list)
            for path in self.spelled:
                self._below[path[1 : path.index("/", 1)]].append(path)
        return self._below.get(top, [])

    def in_order(self, first: str, last: str) -> list[str]:
        """The paths with both texts, `first` before `last` somewhere or at the same place."""
        places = zip(self.spelled, self.find_first(first), self.find_last(last), strict=True)
        return [path for path, begin, end in places if 0 <= begin <= end]


def _collect_names(paths: Iterable[str]) -> set[str] | None:
    """The names of all segments; None if they are too many to keep."""
    names: set[str] = set()
    for path in paths:
        names.update(path.split("/"))
        if len(names) > MOST_NAMES:
            return None
    return names


class Glob:
    """One pattern without braces, read from the top of the repository."""

    def __init__(self, pattern: str) -> None:
        segments = [_without_idle_backslash(segment) for segment in pattern.split("/")]
        if segments[-1] == "**":
            segments.append("*")  # `a/**` is everything below a, and not a itself
        *parts, self._tail = _split_into_parts(segments)
        is_open = segments[0] == "**"
        self._is_exact = not is_open and not parts
        self._head = parts.pop(0) if parts and not is_open else None
        self._middle = parts
        texts = [part.text for part in parts if part.text is not None]
        first = self._tail if self._is_exact else self._head
        self._top = first.names[0] if first is not None and first.beginning else None
        self._ends_of_middle = (texts[0], texts[-1]) if texts else None
        self._names = frozenset(
            name
            for part in (*parts, self._tail, *([self._head] if self._head else []))
            for name in part.names
        )

    def matches_any(self, paths: Paths) -> bool:
        """Whether it matches any of these paths."""
        if not paths.may_have(self._names):
            return False
        likely = self._list_likely(paths)
        if self._is_exact:
            return any(self._tail.is_all_of(path) for path in likely)
        if self._head is None and not self._middle:
            beginning = f"{self._tail.beginning}/"
            return self._tail.ends_any([(path, 0, 0) for path in likely if beginning in path])
        places = self._tail.leave_room(likely)
        if self._head is not None:
            places = self._head.start_with(places)
        for part in self._middle:
            places = part.find_in(places)
        return self._tail.ends_any(places)

    def _list_likely(self, paths: Paths) -> list[str]:
        """The paths that are left after the cheapest question, whose answer other patterns share."""
        if self._top is not None:
            below = paths.list_below(self._top)
            if self._ends_of_middle is None or 2 * len(below) < len(paths.spelled):
                return below
        if self._ends_of_middle is not None:
            return paths.in_order(*self._ends_of_middle)
        return paths.list_ending(self._tail.ending)


class _Part:
    """Some segments in a row. `text` is set if no wildcard is in them."""

    def __init__(self, segments: Sequence["_Segment"]) -> None:
        is_literal = all(segment.is_literal for segment in segments)
        self.names = [segment.ending for segment in segments if segment.is_literal]
        self._count = len(segments)
        self.text = "".join(f"/{segment.ending}" for segment in segments) + "/" if is_literal else None
        self.ending = self.text or f"{segments[-1].ending}/"
        named = takewhile(lambda segment: segment.is_literal, segments)
        self.beginning = "".join(f"/{segment.ending}" for segment in named)
        self._is_ending_enough = is_literal or (self._count == 1 and segments[0].is_star_and_text)
        self._regex = re.compile("".join(f"/{segment.regex}" for segment in segments) + "(?=/)", re.DOTALL)

    def is_all_of(self, path: str) -> bool:
        if self.text is not None:
            return bool(path == self.text)
        match = self._regex.match(path)
        return match is not None and match.end() == len(path) - 1

    def leave_room(self, paths: Iterable[str]) -> list[Place]:
        """The paths that may end with this part, and how much of each is before it."""
        ending = self.ending
        if self.text is not None:
            room = 1 - len(ending)
            return [(path, 0, len(path) + room) for path in paths if path.endswith(ending)]
        if self._count == 1:
            # Other parts end with a slash, so the last segment has no room for them.
            return [(path, 0, len(path) - 1) for path in paths if path.endswith(ending)]
        return [(path, 0, self._start_in(path) + 1) for path in paths if path.endswith(ending)]

    def start_with(self, places: Iterable[Place]) -> list[Place]:
        """The places that start with this part, behind it."""
        if self.text is not None:
            text, length = self.text, len(self.text) - 1
            return [(path, length, end) for path, _, end in places if path.startswith(text, 0, end)]
        match = self._regex.match
        return [(path, hit.end(), end) for path, _, end in places if (hit := match(path, 0, end))]

    def find_in(self, places: Iterable[Place]) -> list[Place]:
        """The places that hold this part, behind the first time."""
        if self.text is not None:
            text, length = self.text, len(self.text) - 1
            return [
                (path, at + length, end)
                for path, start, end in places
                if (at := path.find(text, start, end)) >= 0
            ]
        search = self._regex.search
        return [(path, hit.end(), end) for path, start, end in places if (hit := search(path, start, end))]

    def ends_any(self, places: Sequence[Place]) -> bool:
        """Whether any of the places, for which it left room, really ends with this part."""
        if self._is_ending_enough:
            return bool(places)
        return any(
            (begin := self._start_in(path)) >= start and self._regex.match(path, begin) is not None
            for path, start, _ in places
        )

    def _start_in(self, path: str) -> int:
        """Where as many segments as this part has begin at the end of a path; -1 if it has not so many."""
        start = len(path) - 1
        for _ in range(self._count):
            start = path.rfind("/", 0, max(start, 0))
        return start


class _Atom(NamedTuple):
    """One character of a segment, or a wildcard, which has no text."""

    regex: str
    text: str = ""


_STAR = _Atom("")
_WILD = {"*": _STAR, "?": _Atom(_ANY)}


def _literally(character: str) -> _Atom:
    return _Atom(re.escape(character), character)


class _Segment(NamedTuple):
    """The part of a pattern between two slashes. `ending` is the text behind its last wildcard."""

    regex: str
    ending: str
    is_literal: bool
    is_star_and_text: bool


def _split_into_parts(segments: Sequence[str]) -> Iterator[_Part]:
    """The parts between `**`."""
    # Between two slashes stands nothing; at the ends of a pattern it means a folder, which no path is.
    inner = [segment for segment in segments[1:-1] if segment]
    for is_part, part in groupby(
        [segments[0], *inner, *segments[1:][-1:]], key=lambda segment: segment != "**"
    ):
        if is_part:
            yield _Part([_compose([*_read_atoms(segment)]) for segment in part])


def _without_idle_backslash(segment: str) -> str:
    """A last backslash has nothing to escape."""
    backslashes = len(segment) - len(segment.rstrip("\\"))
    return segment[:-1] if backslashes % 2 else segment


def compile_wildcards(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    """A text without slashes in which only `*` and `?` are wildcards."""
    atoms = [_WILD.get(character) or _literally(character) for character in pattern]
    return re.compile(_compose(atoms).regex, flags)


def _compose(atoms: Sequence[_Atom]) -> _Segment:
    pieces: list[list[str]] = [[]]
    for atom in atoms:
        if atom is _STAR:
            pieces.append([])
        else:
            pieces[-1].append(atom.regex)
    texts = [atom.text for atom in atoms]
    wild = [place for place, text in enumerate(texts) if not text]
    return _Segment(
        regex=_join_pieces(pieces),
        ending="".join(texts[wild[-1] + 1 :] if wild else texts),
        is_literal=not wild,
        is_star_and_text=wild == [0] and atoms[0] is _STAR,
    )


def _join_pieces(pieces: Sequence[Sequence[str]]) -> str:
    """The pieces with `*` between them, so that no place is tried twice: `(?>` never goes back."""
    first, *others = ("".join(piece) for piece in pieces)
    if not others:
        return first
    *middle, last = others
    inner = "".join(f"(?>{_ANY}*?{piece})" for piece in middle if piece)
    # The last piece stands at the end of the segment, behind everything before.
    return f"{first}{inner}{_ANY}{{{len(pieces[-1])},}}+" + (f"(?<={last})" if last else "")


def _read_atoms(segment: str) -> Iterator[_Atom]:
    place = 0
    while place < len(segment):
        character = segment[place]
        place += 1
        if character in _WILD:
            yield _WILD[character]
        elif character == "[" and (read := _read_class(segment, place)) is not None:
            regex, place = read
            yield _Atom(regex)
        elif character == "\\":
            yield _literally(segment[place])
            place += 1
        else:
            yield _literally(character)


def _read_class(segment: str, place: int) -> tuple[str, int] | None:
    """The expression of a class that begins behind its `[`, and where it ends. None if it has no end."""
    is_negated = segment[place : place + 1] in ("!", "^")
    first = place = place + is_negated
    members: list[_Member] = []
    while place < len(segment):
        character = segment[place]
        if character == "]" and place > first:
            return _class_of(members, is_negated=is_negated), place + 1
        if (named := _NAMED_CLASS.match(segment, place)) is not None:
            members.append(_Member(_POSIX[named[1]], is_set=True))
            place = named.end()
            continue
        is_escaped = character == "\\" and place + 1 < len(segment)
        place += is_escaped
        is_hyphen = character == "-" and place > first
        members.append(_Member(segment[place], is_hyphen=is_hyphen))
        place += 1
    return None


class _Member(NamedTuple):
    """A character of a class, or a named set of them. A hyphen between two characters makes a range."""

    text: str
    is_set: bool = False
    is_hyphen: bool = False


def _class_of(members: Sequence[_Member], *, is_negated: bool) -> str:
    ranges = "".join(_ranges_of(members))
    if is_negated:
        return f"[^/{ranges}]"
    # A range such as `[+-9]` spans the slash, and still matches none.
    return f"(?!/)[{ranges}]" if ranges else "(?!)"


def _ranges_of(members: Sequence[_Member]) -> Iterator[str]:
    place = 0
    while place < len(members):
        first, *others = members[place : place + 3]
        if len(others) == 2 and others[0].is_hyphen and not (first.is_set or others[1].is_set):
            last = others[1]
            if first.text <= last.text:  # no character is in a range that runs backwards
                yield f"{re.escape(first.text)}-{re.escape(last.text)}"
            place += 3
        else:
            yield first.text if first.is_set else re.escape(first.text)
            place += 1
