"""Searches titles for regular expressions in a time linear in the title. Pure.

Strangers choose the titles, and `re` needs years for some titles even with a harmless pattern such as
`(\\w+[ -]?)+: wip`, because it tries one branch after the other. So a pattern is parsed by `re`, and then
followed in all its branches at once, a character at a time, without ever going back
(https://swtch.com/~rsc/regexp/regexp1.html). Each character is still compared by `re`, so that classes and
cases mean what Python says.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from re import _compiler, _parser  # type: ignore[attr-defined]  # typeshed leaves out this part of `re`
from typing import Any, NamedTuple, TypeAlias

import regex

MOST_STEPS = 500
"""In one pattern. Counted repeats are written out, so `(a{9}){9}` has 81."""
MOST_REMEMBERED = 2_000
"""Moves that one pattern remembers. Then it forgets them all, and learns again."""
LONGEST_SEARCH = 0.05
"""In seconds, for a stored pattern that needs to go back."""

_SINGLE = frozenset({_parser.LITERAL, _parser.NOT_LITERAL, _parser.ANY, _parser.IN})
_UNSUPPORTED = {
    _parser.ASSERT: "looks ahead or behind",
    _parser.ASSERT_NOT: "looks ahead or behind",
    _parser.GROUPREF: "refers back to a group",
    _parser.GROUPREF_EXISTS: "refers back to a group",
    _parser.ATOMIC_GROUP: "has an atomic group",
    _parser.POSSESSIVE_REPEAT: "has a possessive repeat",
}

Context: TypeAlias = tuple[bool, ...]
"""Which of a pattern's assertions (`^`, `\\b`, `$`) hold at a place."""


class NotLinearError(Exception):
    """The pattern is one for which only trying and going back is known, or it is too large."""


def why_not_linear(pattern: str) -> str | None:
    """Why a valid pattern cannot be matched in linear time; None if it can."""
    try:
        _Program(pattern)
    except NotLinearError as error:
        return str(error)
    return None


def is_in_title(pattern: str, title: str) -> bool:
    """Whether `pattern` matches anywhere in `title`, in any case of letters.

    A pattern that cannot be matched in linear time gets a twentieth of a second, and then matches nothing.
    """
    return _compile(pattern).is_in(title)


class _GoingBack:
    """For patterns that earlier versions stored; `why_not_linear` keeps new ones out of the configuration."""

    def __init__(self, pattern: str) -> None:
        self._regex = regex.compile(pattern, regex.IGNORECASE)

    def is_in(self, title: str) -> bool:
        try:
            return self._regex.search(title, timeout=LONGEST_SEARCH) is not None
        except TimeoutError:
            return False


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> "_Program | _GoingBack":
    try:
        return _Program(pattern)
    except NotLinearError:
        return _GoingBack(pattern)


class _Step(NamedTuple):
    """Reads one character if `single` is set, needs an assertion, or only leads on."""

    single: re.Pattern[str] | None = None
    assertion: int | None = None


class _Place:
    """Steps that may come next, and what follows from there: learned when it is first asked for."""

    def __init__(self, steps: frozenset[int]) -> None:
        self.steps = steps
        self.after: dict[Context, _Reached] = {}


class _Reached:
    """The characters that may be read next, all assertions of this place considered."""

    def __init__(self, steps: Iterable[int], *, is_end: bool) -> None:
        self.steps = tuple(steps)
        self.is_end = is_end
        self.after: dict[str, _Place] = {}


class _Program:
    """A pattern as steps, each with the steps that may follow it. The last step is the end of a match."""

    def __init__(self, pattern: str) -> None:
        self._steps: list[_Step] = []
        self._followers: list[list[int]] = []
        self._assertions: dict[re.Pattern[str], int] = {}
        parsed = _parser.parse(pattern, re.IGNORECASE)
        self._first = self._add(_Step())
        self._end = self._add(_Step())
        self._link(self._follow(parsed, [self._first], parsed.state.flags), self._end)
        self._forget()

    def is_in(self, title: str) -> bool:
        """Whether the pattern matches anywhere in `title`."""
        contexts = self._contexts(title)
        place = self._start
        for context, character in zip(contexts, title, strict=False):
            reached = place.after.get(context) or self._reach(place, context)
            if reached.is_end:
                return True
            place = reached.after.get(character) or self._read(reached, character)
        return self._reach(place, contexts[-1]).is_end

    def _contexts(self, title: str) -> list[Context]:
        """One for each place between two characters, and for both ends."""
        holding = [{hit.start() for hit in each.finditer(title)} for each in self._assertions]
        return [tuple(place in places for places in holding) for place in range(len(title) + 1)]

    def _reach(self, place: _Place, context: Context) -> _Reached:
        seen: set[int] = set()
        ahead = list(place.steps)
        while ahead:
            number = ahead.pop()
            if number in seen:
                continue
            step = self._steps[number]
            if step.assertion is not None and not context[step.assertion]:
                continue
            seen.add(number)
            if step.single is None:
                ahead += self._followers[number]
        reading = (number for number in seen if self._steps[number].single is not None)
        reached = _Reached(reading, is_end=self._end in seen)
        self._remember()
        place.after[context] = reached
        return reached

    def _read(self, reached: _Reached, character: str) -> _Place:
        following = {self._first}  # a match may begin anywhere
        for number in reached.steps:
            single = self._steps[number].single
            if single is not None and single.match(character):
                following.update(self._followers[number])
        steps = frozenset(following)
        self._remember()
        place = self._places.get(steps)
        if place is None:
            place = self._places[steps] = _Place(steps)
        reached.after[character] = place
        return place

    def _remember(self) -> None:
        self._remembered += 1
        if self._remembered > MOST_REMEMBERED:
            self._forget()

    def _forget(self) -> None:
        self._remembered = 0
        self._start = _Place(frozenset({self._first}))
        self._places = {self._start.steps: self._start}

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= MOST_STEPS:
            raise NotLinearError(f"is too large: written out, it has more than {MOST_STEPS} steps")
        self._steps.append(step)
        self._followers.append([])
        return len(self._steps) - 1

    def _link(self, sources: Iterable[int], target: int) -> None:
        for source in sources:
            self._followers[source].append(target)

    def _follow(self, items: Iterable[Any], sources: list[int], flags: int) -> list[int]:
        """Add steps for `items`, a parsed pattern, behind the steps `sources`. Returns the last of them."""
        for operation, value in items:
            sources = self._follow_item(operation, value, sources, flags)
        return sources

    def _follow_item(self, operation: Any, value: Any, sources: list[int], flags: int) -> list[int]:
        if operation in _SINGLE:
            return self._follow_step(_Step(single=_compile_item(operation, value, flags)), sources)
        if operation is _parser.AT:
            assertion = _compile_item(operation, value, flags)
            number = self._assertions.setdefault(assertion, len(self._assertions))
            return self._follow_step(_Step(assertion=number), sources)
        if operation is _parser.SUBPATTERN:
            _, added, removed, items = value
            return self._follow(items, sources, _compiler._combine_flags(flags, added, removed))
        if operation is _parser.BRANCH:
            return [end for branch in value[1] for end in self._follow(branch, sources, flags)]
        if operation in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
            least, most, items = value
            return self._follow_repeat(least, most, items, sources, flags)
        raise NotLinearError(_UNSUPPORTED.get(operation, f"uses {operation}"))

    def _follow_step(self, step: _Step, sources: Iterable[int]) -> list[int]:
        number = self._add(step)
        self._link(sources, number)
        return [number]

    def _follow_repeat(self, least: int, most: Any, items: Any, sources: list[int], flags: int) -> list[int]:
        for _ in range(least):
            sources = self._follow(items, sources, flags)
        if most is _parser.MAXREPEAT:
            around = self._follow_step(_Step(), sources)
            self._link(self._follow(items, around, flags), around[0])
            return around
        ends = self._follow_step(_Step(), sources)
        for _ in range(most - least):
            sources = self._follow_step(_Step(), self._follow(items, sources, flags))
            ends += sources
        return ends


def _compile_item(operation: Any, value: Any, flags: int) -> re.Pattern[str]:
    """One item of a parsed pattern as a pattern of its own."""
    state = _parser.State()
    state.flags = flags
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [(operation, value)]), flags)
    return compiled
