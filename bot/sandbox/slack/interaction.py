"""How a person uses what they see: finds a button, chooses an option, fills in a form, types a name."""

import re
from collections.abc import Callable, Mapping, Sequence

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.model import ImpossibleError, Json, User

Typed = str | Sequence[str] | None
"""A person's input: the value of an option, or of several, a date, a time, a text."""


def find_element(blocks: list[Json], action_id: str, value: Typed) -> tuple[Json, Json]:
    """The block and the element in it. Several with the same action id are distinguished by `value`.

    Raises ImpossibleError, which lists the elements that exist.
    """
    matching = [
        (block, element)
        for block in blocks
        for element in elements_of(block)
        if element["action_id"] == action_id and _offers(element, value)
    ]
    if not matching:
        existing = {element["action_id"] for block in blocks for element in elements_of(block)}
        listed = ", ".join(sorted(existing)) or "nothing"
        raise ImpossibleError(f"there is no {action_id!r} with {value!r} to click; there is: {listed}")
    return matching[0]


def _offers(element: Json, value: Typed) -> bool:
    if element["type"] == "button":
        return value is None or element.get("value") == value
    options = [option["value"] for option in _options(element)]
    wanted = [value] if isinstance(value, str) else list(value or ())
    return not options or (bool(wanted) and all(choice in options for choice in wanted))


def _options(element: Json) -> list[Json]:
    groups = element.get("option_groups", ())
    return [*element.get("options", ()), *(option for group in groups for option in group["options"])]


def choose(element: Json, value: Typed) -> Json:
    """The choice as Slack's state holds it. Raises ImpossibleError if the element does not take the value."""
    kind = element["type"]
    return {"type": kind, **_CHOICES[kind](element, value)}


def _one_option(element: Json, value: Typed) -> Json:
    options = [option for option in _options(element) if option["value"] == value]
    if not options:
        raise ImpossibleError(f"{value!r} is not one of: {', '.join(o['value'] for o in _options(element))}")
    return {"selected_option": options[0]}


def _some_options(element: Json, value: Typed) -> Json:
    wanted = [value] if isinstance(value, str) else list(value or ())
    return {"selected_options": [_one_option(element, choice)["selected_option"] for choice in wanted]}


def _text(element: Json, value: Typed) -> Json:
    text = "" if value is None else str(value)
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
    if text and not shortest <= len(text) <= longest:
        raise ImpossibleError(f"between {shortest} and {longest} characters, please")
    return {"value": text or None}


def _date_time(_: Json, value: Typed) -> Json:
    return {"selected_date_time": int(str(value))}


_CHOICES: dict[str, Callable[[Json, Typed], Json]] = {
    "checkboxes": _some_options,
    "datepicker": lambda _, value: {"selected_date": value},
    "datetimepicker": _date_time,
    "multi_static_select": _some_options,
    "overflow": _one_option,
    "plain_text_input": _text,
    "radio_buttons": _one_option,
    "static_select": _one_option,
    "timepicker": lambda _, value: {"selected_time": value},
}
_SHOWN_IN_ACTIONS = ("placeholder", "style", "url", "value", "text", "confirm")


def action_of(block: Json, element: Json, value: Typed, action_ts: str) -> Json:
    """One entry of `actions` in a block_actions payload."""
    chosen = {} if element["type"] == "button" else choose(element, value)
    shown = {name: element[name] for name in _SHOWN_IN_ACTIONS if name in element}
    names = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    return {**shown, **chosen, **names, "action_ts": action_ts}


def fill_in(blocks: list[Json], values: Mapping[str, Typed]) -> dict[str, dict[str, Json]]:
    """The state of a form after a person filled it in; `values` by block id or action id.

    Raises ImpossibleError where Slack would not let them submit it, and for a field that is not there.
    """
    choices: dict[str, dict[str, Json]] = {}
    unused = set(values)
    fields = [(block, element) for block in blocks for element in elements_of(block)]
    for block, element in fields:
        name = block["block_id"] if block["block_id"] in values else element["action_id"]
        if name in values:
            unused.discard(name)
            kept = choices.setdefault(block["block_id"], {})
            kept[element["action_id"]] = choose(element, values[name])
        elif block["type"] == "input" and not block.get("optional") and not _has_initial(element):
            raise ImpossibleError(f"please fill in {block['block_id']!r}")
    if unused:
        raise ImpossibleError(f"there is no field {', '.join(sorted(unused))}")
    return choices


def _has_initial(element: Json) -> bool:
    return any(name.startswith("initial_") for name in element)


_NAMED = re.compile(r"(?<![\w.])@([A-Za-z0-9][\w.-]*)")
_ADDRESS = re.compile(r"\bhttps?://[^\s<>|]+")


def escape_command(text: str, users: Mapping[str, User]) -> str:
    """The text that an app with `should_escape` gets: names and addresses become control sequences.

    `users` by name. https://docs.slack.dev/interactivity/implementing-slash-commands
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    linked = _ADDRESS.sub(lambda match: f"<{match.group()}>", escaped)
    return _NAMED.sub(lambda match: _escape_name(match, users), linked)


def _escape_name(match: re.Match[str], users: Mapping[str, User]) -> str:
    user = users.get(match[1])
    return f"<@{user.id}|{user.name}>" if user else match.group()
