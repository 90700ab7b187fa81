"""What a person can do with what they see: find a button, choose, fill in a form."""

import re
from collections.abc import Callable, Mapping, Sequence

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.model import Impossible, Json, User

Typed = str | Sequence[str] | None
"""What a person types or chooses: an option's value, several of them, a date, a time, words."""


def find_element(blocks: list[Json], action_id: str, value: Typed) -> tuple[Json, Json]:
    """The block and the element in it. Several with one action id are told apart by `value`.

    Raises Impossible, which lists what there is.
    """
    found = [
        (block, element)
        for block in blocks
        for element in elements_of(block)
        if element["action_id"] == action_id and _offers(element, value)
    ]
    if not found:
        there = ", ".join(
            sorted({element["action_id"] for block in blocks for element in elements_of(block)})
        )
        raise Impossible(f"there is no {action_id!r} with {value!r} to click; there is: {there or 'nothing'}")
    return found[0]


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
    """What Slack keeps of the choice in its state. Raises Impossible for what the element does not take."""
    kind = element["type"]
    return {"type": kind, **_CHOICES[kind](element, value)}


def _one_option(element: Json, value: Typed) -> Json:
    options = [option for option in _options(element) if option["value"] == value]
    if not options:
        raise Impossible(f"{value!r} is not one of: {', '.join(o['value'] for o in _options(element))}")
    return {"selected_option": options[0]}


def _some_options(element: Json, value: Typed) -> Json:
    wanted = [value] if isinstance(value, str) else list(value or ())
    return {"selected_options": [_one_option(element, choice)["selected_option"] for choice in wanted]}


def _text(element: Json, value: Typed) -> Json:
    text = "" if value is None else str(value)
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
    if text and not shortest <= len(text) <= longest:
        raise Impossible(f"between {shortest} and {longest} characters, please")
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

    Raises Impossible where Slack would not let them submit it, and for a field that is not there.
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
            raise Impossible(f"please fill in {block['block_id']!r}")
    if unused:
        raise Impossible(f"there is no field {', '.join(sorted(unused))}")
    return choices


def _has_initial(element: Json) -> bool:
    return any(name.startswith("initial_") for name in element)


_NAMED = re.compile(r"(?<![\w.])@([A-Za-z0-9][\w.-]*)")
_ADDRESS = re.compile(r"\bhttps?://[^\s<>|]+")


def escape_command(text: str, users: Mapping[str, User]) -> str:
    """What an app gets that asked for `should_escape`: names and addresses become control sequences.

    `users` by name. https://docs.slack.dev/interactivity/implementing-slash-commands
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    linked = _ADDRESS.sub(lambda found: f"<{found.group()}>", escaped)
    return _NAMED.sub(lambda found: _escape_name(found, users), linked)


def _escape_name(found: re.Match[str], users: Mapping[str, User]) -> str:
    user = users.get(found[1])
    return f"<@{user.id}|{user.name}>" if user else found.group()
