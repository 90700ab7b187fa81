"""Checks blocks and views as Slack does, with Slack's error messages.

https://docs.slack.dev/reference/block-kit/blocks and .../reference/views
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from bot.sandbox.slack import elements
from bot.sandbox.slack.elements import Part, Text, at_most, refuse
from bot.sandbox.slack.explain import explain

MOST_IN_MESSAGE = 50
MOST_IN_VIEW = 100
LARGEST_VIEW = 250_000
"""Bytes."""

BlockId = Annotated[str, Field(max_length=255)]


class _Block(Part):
    block_id: BlockId | None = None


Accessory = Annotated[
    elements.Button
    | elements.Checkboxes
    | elements.DatePicker
    | elements.ImageElement
    | elements.MultiStaticSelect
    | elements.Overflow
    | elements.RadioButtons
    | elements.StaticSelect
    | elements.TimePicker,
    Field(discriminator="type"),
]
ActionElement = Annotated[
    elements.Button
    | elements.Checkboxes
    | elements.DatePicker
    | elements.DateTimePicker
    | elements.Overflow
    | elements.RadioButtons
    | elements.StaticSelect
    | elements.TimePicker,
    Field(discriminator="type"),
]
InputElement = Annotated[
    elements.Checkboxes
    | elements.DatePicker
    | elements.DateTimePicker
    | elements.MultiStaticSelect
    | elements.PlainTextInput
    | elements.RadioButtons
    | elements.StaticSelect
    | elements.TimePicker,
    Field(discriminator="type"),
]
ContextElement = Annotated[
    elements.PlainText | elements.Mrkdwn | elements.ImageElement, Field(discriminator="type")
]


class Section(_Block):
    type: Literal["section"]
    text: Text | None = None
    fields_: Annotated[
        list[Annotated[Text, at_most(2000)]] | None, Field(alias="fields", min_length=1, max_length=10)
    ] = None
    accessory: Accessory | None = None
    expand: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and self.fields_ is None:
            raise refuse("must have at least one of text, fields")
        return self


class Context(_Block):
    type: Literal["context"]
    elements: Annotated[list[ContextElement], Field(min_length=1, max_length=10)]


class Actions(_Block):
    type: Literal["actions"]
    elements: Annotated[list[ActionElement], Field(min_length=1, max_length=25)]


class Divider(_Block):
    type: Literal["divider"]


class Header(_Block):
    type: Literal["header"]
    text: Annotated[elements.PlainText, at_most(150)]


class Input(_Block):
    type: Literal["input"]
    label: Annotated[elements.PlainText, at_most(2000)]
    element: InputElement
    hint: Annotated[elements.PlainText, at_most(2000)] | None = None
    optional: bool = False
    dispatch_action: bool = False


class Image(_Block):
    type: Literal["image"]
    image_url: elements.Url
    alt_text: Annotated[str, Field(min_length=1, max_length=2000)]
    title: Annotated[elements.PlainText, at_most(2000)] | None = None


Block = Annotated[Section | Context | Actions | Divider | Header | Input | Image, Field(discriminator="type")]
Title = Annotated[elements.PlainText, at_most(24)]
ViewBlocks = Annotated[list[Block], Field(max_length=MOST_IN_VIEW)]


class _View(Part):
    blocks: ViewBlocks
    private_metadata: Annotated[str, Field(max_length=3000)] = ""
    callback_id: Annotated[str, Field(max_length=255)] = ""
    external_id: Annotated[str, Field(max_length=255)] = ""


class Modal(_View):
    type: Literal["modal"]
    title: Title
    close: Title | None = None
    submit: Title | None = None
    clear_on_close: bool = False
    notify_on_close: bool = False
    submit_disabled: bool = False

    @model_validator(mode="after")
    def _can_be_submitted(self) -> Self:
        if self.submit is None and any(isinstance(block, Input) for block in self.blocks):
            raise refuse("must have submit, since it has an input block")
        return self


class Home(_View):
    type: Literal["home"]


_MESSAGE_BLOCKS: TypeAdapter[object] = TypeAdapter(Annotated[list[Block], Field(max_length=MOST_IN_MESSAGE)])
_VIEW: TypeAdapter[object] = TypeAdapter(Annotated[Modal | Home, Field(discriminator="type")])


def check_blocks(blocks: object) -> list[str]:
    """The errors in the blocks of a message, in Slack's words; empty if Slack accepts them."""
    return _check(_MESSAGE_BLOCKS, blocks, "/blocks") or [*_check_ids(blocks, "/blocks")]


def check_view(view: object) -> list[str]:
    """The errors in a modal or a Home tab, in Slack's words; empty if Slack accepts it."""
    messages = _check(_VIEW, view, "/view")
    if messages or not isinstance(view, Mapping):
        return messages
    return [*_check_ids(view["blocks"], "/view/blocks")]


def is_view_too_large(view: object) -> bool:
    return len(json.dumps(view).encode()) > LARGEST_VIEW


def _check(shape: TypeAdapter[object], value: object, root: str) -> list[str]:
    try:
        shape.validate_python(value)
    except ValidationError as error:
        return explain(error, value, root)
    return []


def _check_ids(blocks: Any, root: str) -> Iterator[str]:
    """Block ids are unique in a view, action ids in a block, and at most one element has the focus."""
    seen: set[str] = set()
    focused = 0
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id and block_id in seen:
            yield f"[ERROR] block_id already exists: {block_id} [json-pointer:{root}/{index}/block_id]"
        seen.add(block_id)
        usable = elements_of(block)
        yield from _check_action_ids(usable, f"{root}/{index}")
        focused += sum(bool(element.get("focus_on_load")) for element in usable)
    if focused > 1:
        yield f"[ERROR] only one element may have focus_on_load [json-pointer:{root}]"


def _check_action_ids(usable: list[dict[str, Any]], pointer: str) -> Iterator[str]:
    seen: set[str] = set()
    for element in usable:
        action_id = element.get("action_id")
        if action_id and action_id in seen:
            yield f"[ERROR] action_id already exists: {action_id} [json-pointer:{pointer}]"
        seen.add(action_id or "")


def elements_of(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The elements in a block that a person can use."""
    inside = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
    return [element for element in inside if element and element.get("type") in INTERACTIVE]


INTERACTIVE = frozenset(
    {
        "button",
        "checkboxes",
        "datepicker",
        "datetimepicker",
        "multi_static_select",
        "overflow",
        "plain_text_input",
        "radio_buttons",
        "static_select",
        "timepicker",
    }
)
