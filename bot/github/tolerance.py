"""Field types that tolerate what GitHub should not send: an odd value is left out and counted.

Only a few fields are needed to decide anything. A value that cannot be read elsewhere must not cost the
whole payload.
"""

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from bot.github.cleaning import clean_text

LARGEST_BIGINT, LARGEST_INT = 2**63 - 1, 2**31 - 1
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Dates beyond these are mistakes. A pull request "changed in 9999" would make every later fact old news."""
LONGEST_TITLE = 1000


class Oddities(Counter[str]):
    """How many values could not be read, by the name of their field. Pass it as pydantic's `context`."""

    def __str__(self) -> str:
        return "left out: " + ", ".join(f"{name} ({count})" for name, count in sorted(self.items()))


def count_odd(info: ValidationInfo) -> None:
    """Counts one odd value of the field that is being read."""
    if isinstance(info.context, Oddities):
        info.context[info.field_name or "field"] += 1


def _none_if_odd(value: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    if value is None:
        return None
    try:
        return read(value)
    except ValidationError:
        count_odd(info)
        return None


def _none_if_odd_item(value: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    if value is None:
        count_odd(info)
    return _none_if_odd(value, read, info)


def _list_or_nothing(value: object, info: ValidationInfo) -> list[Any]:
    if isinstance(value, list):
        return value
    if value is not None:
        count_odd(info)
    return []


def _number(least: int, most: int, value: object, read: ValidatorFunctionWrapHandler) -> int:
    if isinstance(value, bool):  # Python counts True as 1
        raise ValueError("true and false are no numbers")
    number: int = read(value)
    if not least <= number <= most:
        raise ValueError(f"not a number from {least} to {most}")
    return number


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a date must be text")
    read = datetime.fromisoformat(value)
    if not FIRST_YEAR <= read.year < LAST_YEAR:
        raise ValueError("a date from another century")
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _texts(value: object, info: ValidationInfo) -> dict[str, str]:
    if not isinstance(value, dict):
        if value is not None:
            count_odd(info)
        return {}
    kept = {name: text for name, text in value.items() if isinstance(text, str)}
    if len(kept) < len(value):
        count_odd(info)
    return kept


def _cut(value: object) -> object:
    return value[:LONGEST_TITLE] if isinstance(value, str) else value


IfReadable = WrapValidator(_none_if_odd)
"""For an optional field: None if it is missing, null or odd."""
IfReadableItem = WrapValidator(_none_if_odd_item)
"""For an element of a list: None if it is null or odd, which is counted."""
MaybeList = BeforeValidator(_list_or_nothing)
"""For a list: empty if it is missing, null or no list."""

FitsBigint = WrapValidator(partial(_number, 1, LARGEST_BIGINT))
"""For an id, which Postgres keeps as a bigint."""
Number = Annotated[int, WrapValidator(partial(_number, 1, LARGEST_INT))]
Size = Annotated[Annotated[int, WrapValidator(partial(_number, 0, LARGEST_INT))] | None, IfReadable]
Instant = Annotated[Annotated[datetime, BeforeValidator(_instant)] | None, IfReadable]
CleanText = Annotated[str, BeforeValidator(clean_text)]
Name = Annotated[CleanText, Field(min_length=1, max_length=255)]
"""A login, slug, label or commit id."""
FullName = Annotated[CleanText, Field(pattern=r"^[^/\s]+/[^/\s]+$", max_length=300)]
Title = Annotated[Annotated[CleanText, BeforeValidator(_cut)] | None, IfReadable]
WebAddress = Annotated[
    Annotated[CleanText, Field(pattern=r"^https?://[^\s<>|]+$", max_length=2000)] | None, IfReadable
]
Texts = Annotated[dict[str, str], BeforeValidator(_texts)]
"""An object of texts, without its members that are something else."""
