"""Turns a validation error into the messages that Slack would send."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_AT_THE_PARENT = frozenset({"missing", "extra_forbidden"})

_MESSAGES: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "missing": lambda name, _: f"missing required field: {name}",
    "extra_forbidden": lambda name, _: f"invalid additional property: {name}",
    "string_too_long": lambda _, limits: f"must be less than {limits['max_length'] + 1} characters",
    "string_too_short": lambda _, limits: f"must be more than {limits['min_length'] - 1} characters",
    "too_long": lambda _, limits: f"no more than {limits['max_length']} items allowed",
    "too_short": lambda _, limits: f"no fewer than {limits['min_length']} items allowed",
    "union_tag_invalid": lambda _, limits: f"unsupported type: {limits['tag']}",
    "union_tag_not_found": lambda *_: "missing required field: type",
    "string_pattern_mismatch": lambda *_: "must match the documented format",
}


def explain(error: ValidationError, data: object, root: str = "") -> list[str]:
    """One line per mistake: `[ERROR] what is wrong [json-pointer:/blocks/0/text]`.

    `data` is what was refused and `root` the pointer to it.
    """
    return [_explain(detail, data, root) for detail in error.errors(include_url=False)]


def _explain(detail: ErrorDetails, data: object, root: str) -> str:
    kind, path = detail["type"], _without_tags(detail["loc"], data)
    name = path[-1] if path else ""
    make_message = _MESSAGES.get(kind)
    message = make_message(name, detail.get("ctx") or {}) if make_message else _lowered(detail["msg"])
    pointer = "/".join([root, *(path[:-1] if kind in _AT_THE_PARENT else path)])
    return f"[ERROR] {message} [json-pointer:{pointer or '/'}]"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _without_tags(location: Sequence[str | int], data: Any) -> list[str]:
    """The path in the data, without the names of union members that pydantic puts into it."""
    path: list[str] = []
    for step in location:
        if isinstance(data, Mapping) and step not in data and data.get("type") == step:
            continue
        path.append(str(step))
        data = _child(data, step)
    return path


def _child(data: Any, step: str | int) -> Any:
    if isinstance(data, Mapping):
        return data.get(step)
    if isinstance(data, Sequence) and isinstance(step, int) and step < len(data):
        return data[step]
    return None
