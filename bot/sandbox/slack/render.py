"""A message as a person reads it, in plain text: for terminals and tests."""

import html
import re
from collections.abc import Callable, Iterator, Mapping

from bot.sandbox.slack.model import Json, Message, View

_CONTROL = re.compile(r"<([^<>\n]+)>")
_BOLD = re.compile(r"(?<!\w)\*(?=\S)([^*\n]+?)(?<=\S)\*(?!\w)")


def render_message(message: Message, names: Mapping[str, str]) -> str:
    """Its blocks, or its text where it has none. `names` are user names by id."""
    if message.blocks:
        return render_blocks(message.blocks, names)
    return read_mrkdwn(message.text, names)


def render_view(view: View, names: Mapping[str, str]) -> str:
    """A modal with its title and buttons, or a Home tab."""
    definition = view.definition
    title = [f"== {definition['title']['text']} =="] if "title" in definition else []
    ends = [f"[{definition[end]['text']}]" for end in ("close", "submit") if definition.get(end)]
    body = render_blocks(definition["blocks"], names)
    return "\n".join([*title, body, *([" ".join(ends)] if ends else [])])


def render_blocks(blocks: list[Json], names: Mapping[str, str]) -> str:
    return "\n".join(line for block in blocks for line in _LINES[block["type"]](block, names))


def read_mrkdwn(text: str, names: Mapping[str, str]) -> str:
    """Links and mentions as Slack shows them. The marks of bold are removed, those of struck text stay."""
    readable = _CONTROL.sub(lambda match: _show_control(match[1], names), text)
    return html.unescape(_BOLD.sub(r"\1", readable))


def _show_control(control: str, names: Mapping[str, str]) -> str:
    target, bar, label = control.partition("|")
    if target.startswith("@"):
        return f"@{names.get(target[1:], target[1:])}"
    if target.startswith("!date^"):
        return label or target
    if target.startswith("!"):
        return f"@{label or target[1:]}"
    return label if bar else target


def _read(text: Json, names: Mapping[str, str]) -> str:
    content = str(text["text"])
    return read_mrkdwn(content, names) if text["type"] == "mrkdwn" else content


def _section(block: Json, names: Mapping[str, str]) -> Iterator[str]:
    texts = [text for text in [block.get("text"), *block.get("fields", ())] if text]
    lines = "\n".join(_read(text, names) for text in texts)
    accessory = block.get("accessory")
    yield f"{lines}  {_element(accessory, names)}" if accessory else lines


def _context(block: Json, names: Mapping[str, str]) -> Iterator[str]:
    yield " ".join(_element(element, names) for element in block["elements"])


def _actions(block: Json, names: Mapping[str, str]) -> Iterator[str]:
    yield " ".join(_element(element, names) for element in block["elements"])


def _divider(_: Json, __: Mapping[str, str]) -> Iterator[str]:
    yield "-" * 20


def _header(block: Json, names: Mapping[str, str]) -> Iterator[str]:
    yield _read(block["text"], names)


def _input(block: Json, names: Mapping[str, str]) -> Iterator[str]:
    yield f"{_read(block['label'], names)}: {_element(block['element'], names)}"
    if "hint" in block:
        yield _read(block["hint"], names)


def _image(block: Json, _: Mapping[str, str]) -> Iterator[str]:
    yield f"({block['alt_text']})"


def _rich_text(block: Json, names: Mapping[str, str]) -> Iterator[str]:
    yield "".join(part.get("text", "") for section in block["elements"] for part in section["elements"])


def _element(element: Json, names: Mapping[str, str]) -> str:
    match element["type"]:
        case "plain_text" | "mrkdwn":
            return _read(element, names)
        case "image":
            return f"({element['alt_text']})"
        case "button":
            return f"[{element['text']['text']}]"
        case "overflow":
            return "[...]"
        case "plain_text_input":
            return f"[{element.get('initial_value') or _placeholder(element)}]"
        case "radio_buttons" | "checkboxes":
            return " ".join(f"( ) {_read(option['text'], names)}" for option in element["options"])
        case _:
            return f"[{_chosen(element) or _placeholder(element)}]"


def _placeholder(element: Json) -> str:
    placeholder = element.get("placeholder")
    return str(placeholder["text"]) if placeholder else "..."


def _chosen(element: Json) -> str:
    option = element.get("initial_option")
    if option:
        return str(option["text"]["text"])
    return str(element.get("initial_date") or element.get("initial_time") or "")


_LINES: dict[str, Callable[[Json, Mapping[str, str]], Iterator[str]]] = {
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "header": _header,
    "input": _input,
    "image": _image,
    "rich_text": _rich_text,
}
