"""Block Kit's elements and the objects they are made of, with Slack's documented limits.

https://docs.slack.dev/reference/block-kit/block-elements and .../composition-objects
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class Part(BaseModel):
    """A part of a message or view. Like Slack, it refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlainText(Part):
    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]
    emoji: bool = True


class Mrkdwn(Part):
    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]
    verbatim: bool = False


Text = Annotated[PlainText | Mrkdwn, Field(discriminator="type")]


def at_most(limit: int) -> AfterValidator:
    """A text object of at most `limit` characters, fewer than usual."""

    def check(text: PlainText | Mrkdwn) -> PlainText | Mrkdwn:
        if len(text.text) > limit:
            raise PydanticCustomError(
                "text_length", "must be less than {limit} characters", {"limit": limit + 1}
            )
        return text

    return AfterValidator(check)


def refuse(message: str) -> PydanticCustomError:
    """The error for a broken rule that spans more than one field."""
    return PydanticCustomError("rule", "{message}", {"message": message})


def _check_date(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise refuse("must be a date: YYYY-MM-DD") from None
    return value


Url = Annotated[str, Field(max_length=3000, pattern=r"^(https?://|mailto:|slack://)\S+$")]
ActionId = Annotated[str, Field(min_length=1, max_length=255)]
Label75 = Annotated[PlainText, at_most(75)]
Placeholder = Annotated[PlainText, at_most(150)]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_check_date)]
Time = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Confirm(Part):
    title: Annotated[PlainText, at_most(100)]
    text: Annotated[Text, at_most(300)]
    confirm: Annotated[PlainText, at_most(30)]
    deny: Annotated[PlainText, at_most(30)]
    style: Literal["primary", "danger"] | None = None


class Option(Part):
    """A choice in a menu. In groups of buttons it may be formatted (RichOption), in overflows have a link."""

    text: Label75
    value: Annotated[str, Field(min_length=1, max_length=150)]
    description: Label75 | None = None


class RichOption(Part):
    text: Annotated[Text, at_most(75)]
    value: Annotated[str, Field(min_length=1, max_length=150)]
    description: Annotated[Text, at_most(75)] | None = None


class OverflowOption(Option):
    url: Url | None = None


class OptionGroup(Part):
    label: Label75
    options: Annotated[list[Option], Field(min_length=1, max_length=100)]


class Element(Part):
    action_id: ActionId | None = None


class Interactive(Element):
    confirm: Confirm | None = None


class Focusable(Interactive):
    focus_on_load: bool = False


class Button(Interactive):
    type: Literal["button"]
    text: Label75
    value: Annotated[str, Field(max_length=2000)] | None = None
    url: Url | None = None
    style: Literal["primary", "danger"] | None = None
    accessibility_label: Annotated[str, Field(max_length=75)] | None = None


class Overflow(Interactive):
    type: Literal["overflow"]
    options: Annotated[list[OverflowOption], Field(min_length=1, max_length=5)]


class DatePicker(Focusable):
    type: Literal["datepicker"]
    placeholder: Placeholder | None = None
    initial_date: Date | None = None


class TimePicker(Focusable):
    type: Literal["timepicker"]
    placeholder: Placeholder | None = None
    initial_time: Time | None = None
    timezone: str | None = None


class DateTimePicker(Focusable):
    type: Literal["datetimepicker"]
    initial_date_time: Annotated[int, Field(ge=1_000_000_000, le=9_999_999_999)] | None = None


class _Menu(Focusable):
    placeholder: Placeholder | None = None
    options: Annotated[list[Option], Field(min_length=1, max_length=100)] | None = None
    option_groups: Annotated[list[OptionGroup], Field(min_length=1, max_length=100)] | None = None

    def every_option(self) -> list[Option]:
        return [*(self.options or ()), *(o for group in self.option_groups or () for o in group.options)]

    @model_validator(mode="after")
    def _has_one_kind_of_options(self) -> Self:
        if (self.options is None) == (self.option_groups is None):
            raise refuse("must have exactly one of options, option_groups")
        return self


class StaticSelect(_Menu):
    type: Literal["static_select"]
    initial_option: Option | None = None

    @model_validator(mode="after")
    def _starts_with_one_of_its_options(self) -> Self:
        check_initial([self.initial_option] if self.initial_option else [], self.every_option())
        return self


class MultiStaticSelect(_Menu):
    type: Literal["multi_static_select"]
    initial_options: list[Option] | None = None
    max_selected_items: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _starts_with_some_of_its_options(self) -> Self:
        check_initial(self.initial_options or [], self.every_option())
        return self


class RadioButtons(Focusable):
    type: Literal["radio_buttons"]
    options: Annotated[list[RichOption], Field(min_length=1, max_length=10)]
    initial_option: RichOption | None = None

    @model_validator(mode="after")
    def _starts_with_one_of_its_options(self) -> Self:
        check_initial([self.initial_option] if self.initial_option else [], self.options)
        return self


class Checkboxes(Focusable):
    type: Literal["checkboxes"]
    options: Annotated[list[RichOption], Field(min_length=1, max_length=10)]
    initial_options: Annotated[list[RichOption], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _starts_with_some_of_its_options(self) -> Self:
        check_initial(self.initial_options or [], self.options)
        return self


class DispatchConfig(Part):
    trigger_actions_on: Annotated[
        list[Literal["on_enter_pressed", "on_character_entered"]], Field(min_length=1, max_length=2)
    ]


class PlainTextInput(Element):
    type: Literal["plain_text_input"]
    placeholder: Placeholder | None = None
    initial_value: Annotated[str, Field(max_length=3000)] | None = None
    multiline: bool = False
    min_length: Annotated[int, Field(ge=0, le=3000)] | None = None
    max_length: Annotated[int, Field(ge=1, le=3000)] | None = None
    dispatch_action_config: DispatchConfig | None = None
    focus_on_load: bool = False

    @model_validator(mode="after")
    def _can_be_filled_in(self) -> Self:
        if (self.min_length or 0) > (self.max_length or 3000):
            raise refuse("min_length must not be greater than max_length")
        return self


class ImageElement(Part):
    type: Literal["image"]
    image_url: Url
    alt_text: Annotated[str, Field(min_length=1, max_length=2000)]


def check_initial(chosen: list[Option] | list[RichOption], options: list[Option] | list[RichOption]) -> None:
    if any(choice not in options for choice in chosen):
        raise refuse("an initial option must be exactly one of the options")
