"""The arguments of each method of the Web API. Stricter than Slack: an unknown argument is refused.

https://docs.slack.dev/reference/methods
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.sandbox.slack.blocks import check_blocks, check_view, is_view_too_large
from bot.sandbox.slack.model import Json, MethodError

LARGEST_METADATA = 16_000
"""Bytes."""
Ts = Annotated[str, Field(pattern=r"^\d{1,12}(\.\d{1,6})?$")]
Limit = Annotated[int, Field(ge=1, le=999)]


def _decode(code: str) -> Any:
    """Parses JSON in a string, as forms carry it. `code` is the error if it is not JSON."""

    def decode(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise MethodError(code) from None

    return BeforeValidator(decode)


def _blocks(value: object) -> object:
    if messages := check_blocks(value):
        raise MethodError("invalid_blocks", messages, errors=[_without_mark(line) for line in messages])
    return value


def _without_mark(line: str) -> str:
    return line.removeprefix("[ERROR] ")


def _view(value: object) -> object:
    if is_view_too_large(value):
        raise MethodError("view_too_large")
    if messages := check_view(value):
        raise MethodError("invalid_arguments", messages)
    return value


def _metadata(value: object) -> object:
    if not isinstance(value, dict) or set(value) - {"event_type", "event_payload"}:
        raise MethodError("invalid_metadata_format")
    # An empty object is allowed: it removes the metadata.
    if value and not (
        isinstance(value.get("event_type"), str) and isinstance(value.get("event_payload"), dict)
    ):
        raise MethodError("invalid_metadata_format")
    if len(json.dumps(value).encode()) > LARGEST_METADATA:
        raise MethodError("metadata_too_large")
    return value


Blocks = Annotated[list[Json], BeforeValidator(_blocks), _decode("invalid_blocks_format")]
ViewJson = Annotated[Json, BeforeValidator(_view), _decode("invalid_arguments")]
Metadata = Annotated[Json, BeforeValidator(_metadata), _decode("invalid_metadata_format")]
Parse = Literal["none", "full", "client"]


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoArguments(Arguments):
    pass


class Content(Arguments):
    """The text and blocks of a message. Slack needs at least one of them."""

    text: str | None = None
    blocks: Blocks | None = None
    parse: Parse = "client"
    link_names: bool = False


class PostMessage(Content):
    channel: str
    metadata: Metadata | None = None
    thread_ts: Ts | None = None
    reply_broadcast: bool = False
    mrkdwn: bool = True
    unfurl_links: bool = False
    unfurl_media: bool = True


class PostEphemeral(Content):
    channel: str
    user: str
    thread_ts: Ts | None = None


class Update(Content):
    channel: str
    ts: Ts
    metadata: Metadata | None = None


class Delete(Arguments):
    channel: str
    ts: Ts


class OpenConversation(Arguments):
    users: str | None = None
    channel: str | None = None
    return_im: bool = False


class History(Arguments):
    channel: str
    cursor: str | None = None
    inclusive: bool = False
    include_all_metadata: bool = False
    latest: Ts | None = None
    oldest: Ts = "0"
    limit: Limit = 100


class UserInfo(Arguments):
    user: str
    include_locale: bool = False


class ListUsers(Arguments):
    cursor: str | None = None
    limit: Annotated[int, Field(ge=0, le=1000)] = 0
    """0: all users."""
    include_locale: bool = False


class LookupByEmail(Arguments):
    email: str


class OpenView(Arguments):
    trigger_id: str
    view: ViewJson


class UpdateView(Arguments):
    view: ViewJson
    view_id: str | None = None
    external_id: str | None = None
    hash: str | None = None


class PublishView(Arguments):
    user_id: str
    view: ViewJson
    hash: str | None = None


class Answer(Content):
    """The body of a request to a response URL, and of an answer to a command."""

    response_type: Literal["ephemeral", "in_channel"] = "ephemeral"
    replace_original: bool = False
    delete_original: bool = False
    thread_ts: Ts | None = None
    mrkdwn: bool = True
    unfurl_links: bool = False
    unfurl_media: bool = True
