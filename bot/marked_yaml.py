"""YAML with the line of everything in it, so that each mistake can be shown on its line."""

from typing import Any

import yaml
from pydantic import ConfigDict

from bot.model import Problem, Value

Place = tuple[str | int, ...]
"""The place of a value: keys and indexes from the top."""

MOST_CHARACTERS = 1_000_000


class MarkedYaml(Value):
    """Parsed YAML. `lines` has the line, from 1, of each key and list item."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    data: Any
    lines: dict[Place, int]
    problems: tuple[Problem, ...]

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it that is in the text."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(text: str) -> MarkedYaml:
    """Reads plain YAML: repeated keys, aliases and tags are problems. Never raises."""
    if len(text) > MOST_CHARACTERS:
        return _unreadable(1, "is longer than a configuration can be")
    reader = _Reader(text)
    try:
        data = reader.read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _unreadable(mark.line + 1 if mark else 1, f"is not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, RecursionError) as error:
        return _unreadable(1, f"is not YAML: {str(error).splitlines()[0]}")
    return MarkedYaml(data=data, lines=reader.lines, problems=tuple(reader.problems))


def _unreadable(line: int, text: str) -> MarkedYaml:
    return MarkedYaml(data=None, lines={}, problems=(Problem(line=line, where="", text=text),))


def name_place(place: Place) -> str:
    """A place as people write it: repositories.acme/api.rules[0].paths."""
    named = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return named.removeprefix(".")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def read(self) -> Any:
        # Composed by hand: the usual loaders forget the lines and take the last of repeated keys.
        self._loader = yaml.SafeLoader(self.text)
        try:
            node = self._loader.get_single_node()
            return None if node is None else self._value(node, ())
        finally:
            self._loader.dispose()

    def _value(self, node: yaml.Node, place: Place) -> Any:
        if id(node) in self._seen:
            line = self.lines.get(place, _line(node))
            self._complain(line, place, "is an alias (*name): write it out")
            return None
        self._seen.add(id(node))
        self.lines.setdefault(place, _line(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self._complain(_line(key_node), place, "has a key that is not a word")
            elif key in values:
                first = self.lines[(*place, key)]
                self._complain(_line(key_node), (*place, key), f"is repeated: it is on line {first} already")
            else:
                self.lines[(*place, key)] = _line(key_node)
                values[key] = self._value(value_node, (*place, key))
        return values

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        try:
            return self._loader.construct_object(node)
        except ValueError as error:
            self._complain(_line(node), place, f"cannot be read: {error}")
            return None

    def _complain(self, line: int, place: Place, text: str) -> None:
        self.problems.append(Problem(line=line, where=name_place(place), text=text))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
