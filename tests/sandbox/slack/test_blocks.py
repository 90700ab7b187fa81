"""The Block Kit validator: blocks that Slack takes, and each documented limit, exceeded by one."""

from typing import Any

import pytest

from bot.sandbox.slack.blocks import check_blocks, check_view
from tests.sandbox.slack.conftest import actions, button, form, line, menu, plain, section

Json = dict[str, Any]
OPTION = {"text": plain("One"), "value": "1"}
IMAGE = {"type": "image", "image_url": "https://acme.example/a.png", "alt_text": "a"}
CONFIRM = {"title": plain("Sure?"), "text": plain("Really"), "confirm": plain("Yes"), "deny": plain("No")}
RADIO = {"type": "radio_buttons", "action_id": "r", "options": [OPTION]}
CHECKS = {"type": "checkboxes", "action_id": "c", "options": [OPTION]}
DATE = {"type": "datepicker", "action_id": "d"}
MULTI = {"type": "multi_static_select", "action_id": "m", "placeholder": plain("?"), "options": [OPTION]}
OVERFLOW = {"type": "overflow", "action_id": "o", "options": [OPTION]}


def context(*elements: Json) -> Json:
    return {"type": "context", "elements": list(elements)}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def field(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": element, **more}


def text_input(**more: Any) -> Json:
    return {"type": "plain_text_input", "action_id": "t", **more}


@pytest.mark.parametrize(
    "block",
    [
        section("x" * 3000, verbatim=True),
        {"type": "section", "fields": [mrkdwn("x" * 2000)] * 10},
        {**section("a"), "accessory": button("Undo", "undo")},
        {**section("a"), "accessory": OVERFLOW},
        {**section("a"), "accessory": {**MULTI, "initial_options": [OPTION]}},
        {**section("a"), "accessory": IMAGE},
        {"type": "header", "text": plain("x" * 150)},
        context(*[mrkdwn("a")] * 9, IMAGE),
        actions(*(button("x" * 75, f"a{n}", "v" * 2000) for n in range(25))),
        actions(button("Go", "go", url="https://acme.example/", style="danger", confirm=CONFIRM)),
        actions(menu("snooze", "hour", "day"), DATE, RADIO, CHECKS, OVERFLOW),
        actions({"type": "timepicker", "action_id": "t", "initial_time": "23:59"}),
        actions({"type": "datetimepicker", "action_id": "t", "initial_date_time": 1795424400}),
        field(text_input(min_length=1, max_length=3000, multiline=True), hint=plain("h"), optional=True),
        field({**DATE, "initial_date": "2026-02-28"}, dispatch_action=True),
        {"type": "divider", "block_id": "x" * 255},
        {**IMAGE, "title": plain("t")},
    ],
)
def test_blocks_that_slack_takes_are_taken(block: Json) -> None:
    assert check_blocks([block]) == []


@pytest.mark.parametrize(
    ("block", "message", "pointer"),
    [
        ({"type": "foo"}, "unsupported type: foo", ""),
        ({}, "missing required field: type", ""),
        (section(""), "must be more than 0 characters", "/text/text"),
        (section("x" * 3001), "must be less than 3001 characters", "/text/text"),
        (section("a", emoji=True), "invalid additional property: emoji", "/text"),
        ({**section("a"), "colour": "red"}, "invalid additional property: colour", ""),
        ({**section("a"), "block_id": "x" * 256}, "must be less than 256 characters", "/block_id"),
        ({**section("a"), "accessory": text_input()}, "unsupported type: plain_text_input", "/accessory"),
        ({"type": "section"}, "must have at least one of text, fields", ""),
        ({"type": "section", "fields": [mrkdwn("a")] * 11}, "no more than 10 items allowed", "/fields"),
        ({"type": "section", "fields": []}, "no fewer than 1 items allowed", "/fields"),
        (
            {"type": "section", "fields": [mrkdwn("x" * 2001)]},
            "must be less than 2001 characters",
            "/fields/0",
        ),
        ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters", "/text"),
        ({"type": "header", "text": mrkdwn("a")}, "input should be 'plain_text'", "/text/type"),
        (context(*[mrkdwn("a")] * 11), "no more than 10 items allowed", "/elements"),
        (context(), "no fewer than 1 items allowed", "/elements"),
        (context(button("a", "b")), "unsupported type: button", "/elements/0"),
        (actions(), "no fewer than 1 items allowed", "/elements"),
        (actions(*(button("a", f"a{n}") for n in range(26))), "no more than 25 items allowed", "/elements"),
        (actions(text_input()), "unsupported type: plain_text_input", "/elements/0"),
        (actions(MULTI), "unsupported type: multi_static_select", "/elements/0"),
        (actions(button("x" * 76, "a")), "must be less than 76 characters", "/elements/0/text"),
        (actions(button("a", "x" * 256)), "must be less than 256 characters", "/elements/0/action_id"),
        (actions(button("a", "a", "x" * 2001)), "must be less than 2001 characters", "/elements/0/value"),
        (
            actions(button("a", "a", style="green")),
            "input should be 'primary' or 'danger'",
            "/elements/0/style",
        ),
        (
            actions(button("a", "a", url="javascript:x")),
            "must match the documented format",
            "/elements/0/url",
        ),
        (
            actions(button("a", "a", url="https://acme.example/" + "x" * 2980)),
            "must be less than 3001 characters",
            "/elements/0/url",
        ),
        (
            actions(button("a", "a", text=mrkdwn("a"))),
            "input should be 'plain_text'",
            "/elements/0/text/type",
        ),
        (actions(button("a", "a"), button("b", "a")), "action_id already exists: a", ""),
        (actions(menu("s")), "no fewer than 1 items allowed", "/elements/0/options"),
        (actions(menu("s", *map(str, range(101)))), "no more than 100 items allowed", "/elements/0/options"),
        (actions(menu("s", "x" * 76)), "must be less than 76 characters", "/elements/0/options/0/text"),
        (
            actions({**menu("s", "a"), "initial_option": OPTION}),
            "an initial option must be exactly one of the options",
            "/elements/0",
        ),
        (
            actions({"type": "static_select", "action_id": "s", "placeholder": plain("?")}),
            "must have exactly one of options, option_groups",
            "/elements/0",
        ),
        (
            actions({**menu("s", "a"), "placeholder": plain("x" * 151)}),
            "must be less than 151 characters",
            "/elements/0/placeholder",
        ),
        (
            actions({**OVERFLOW, "options": [OPTION] * 6}),
            "no more than 5 items allowed",
            "/elements/0/options",
        ),
        (
            actions({**RADIO, "options": [OPTION] * 11}),
            "no more than 10 items allowed",
            "/elements/0/options",
        ),
        (
            actions({**DATE, "initial_date": "2026-02-30"}),
            "must be a date: YYYY-MM-DD",
            "/elements/0/initial_date",
        ),
        (
            actions({"type": "timepicker", "action_id": "t", "initial_time": "24:00"}),
            "must match the documented format",
            "/elements/0/initial_time",
        ),
        (
            actions(button("a", "a", confirm={**CONFIRM, "title": plain("x" * 101)})),
            "must be less than 101 characters",
            "/elements/0/confirm/title",
        ),
        (field(button("a", "b")), "unsupported type: button", "/element"),
        (
            field(text_input(max_length=3001)),
            "input should be less than or equal to 3000",
            "/element/max_length",
        ),
        (
            field(text_input(min_length=9, max_length=8)),
            "min_length must not be greater than max_length",
            "/element",
        ),
        (field(text_input(), label=mrkdwn("a")), "input should be 'plain_text'", "/label/type"),
        (
            {"type": "image", "image_url": "https://acme.example/a.png"},
            "missing required field: alt_text",
            "",
        ),
        (actions(button("a", "a", value=1)), "input should be a valid string", "/elements/0/value"),
    ],
)
def test_a_mistake_is_named_with_its_place(block: Json, message: str, pointer: str) -> None:
    assert check_blocks([block]) == [f"[ERROR] {message} [json-pointer:/blocks/0{pointer}]"]


def test_a_message_has_fifty_blocks_and_a_modal_a_hundred() -> None:
    divider = {"type": "divider"}
    assert check_blocks([divider] * 50) == []
    assert check_blocks([divider] * 51) == ["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]
    assert check_view(form(*[divider] * 100)) == []
    assert check_view(form(*[divider] * 101)) != []


def test_blocks_are_a_list_of_objects() -> None:
    assert check_blocks("hello") != []
    assert check_blocks([section("a"), "hello"]) != []


def test_a_block_id_is_used_once_but_an_action_id_once_in_each_block() -> None:
    assert check_blocks([actions(button("a", "undo")), actions(button("b", "undo"))]) == []
    twice = [{**section("a"), "block_id": "x"}, {**section("b"), "block_id": "x"}]
    assert check_blocks(twice) == ["[ERROR] block_id already exists: x [json-pointer:/blocks/1/block_id]"]


def test_only_one_element_has_the_focus() -> None:
    focused = actions({**DATE, "focus_on_load": True}, {**RADIO, "focus_on_load": True})
    assert check_blocks([focused]) == [
        "[ERROR] only one element may have focus_on_load [json-pointer:/blocks]"
    ]


@pytest.mark.parametrize(
    ("changes", "line_"),
    [
        ({"title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title]"),
        ({"submit": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/submit]"),
        ({"close": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/close]"),
        (
            {"private_metadata": "x" * 3001},
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        ({"callback_id": "x" * 256}, "must be less than 256 characters [json-pointer:/view/callback_id]"),
        ({"submit": None}, "must have submit, since it has an input block [json-pointer:/view]"),
        ({"type": "dialog"}, "unsupported type: dialog [json-pointer:/view]"),
        ({"type": "home"}, "invalid additional property: title [json-pointer:/view]"),
        ({"blocks": [section("")]}, "must be more than 0 characters [json-pointer:/view/blocks/0/text/text]"),
    ],
)
def test_a_view_has_limits_of_its_own(changes: Json, line_: str) -> None:
    assert check_view({**form(line("until")), **changes})[0] == f"[ERROR] {line_}"
