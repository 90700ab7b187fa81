"""The state of the local Slack, and the values in which it reports an act of a person.

MethodError       a method of the Web API refuses a call
ImpossibleError   a person cannot do this, for example click on a button that does not exist
"""

from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from bot.model import Value

Json = dict[str, Any]


class MethodError(Exception):
    """A method refuses a call, with Slack's error code and messages that explain it."""

    def __init__(self, code: str, messages: list[str] | None = None, **more: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []
        self.more = more


class ImpossibleError(Exception):
    """A person cannot do this: there is no such button, message or field. The text lists what exists."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class User(_Kept):
    """Somebody in the workspace. `tz` is an IANA name; `updated` is in seconds.

    A `team_id` says that they belong to another workspace, and are here by a shared channel.
    """

    id: str
    name: str
    real_name: str
    email: str = ""
    tz: str = "Etc/UTC"
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    team_id: str = ""
    updated: int = 0

    def offset(self, now: datetime) -> int:
        """Seconds ahead of UTC."""
        offset = now.astimezone(ZoneInfo(self.tz)).utcoffset()
        return int(offset.total_seconds()) if offset else 0


class Message(_Kept):
    """One message in the DM of the bot and a person. `ts` names it.

    `visible_to`: an ephemeral one, which only this user sees and no method finds. `choices` are what the
    person has selected in it, by block and action.
    """

    ts: str
    channel: str
    author: str
    text: str = ""
    blocks: list[Json] = Field(default_factory=list)
    metadata: Json | None = None
    parse: str = "client"
    link_names: bool = False
    thread_ts: str | None = None
    visible_to: str | None = None
    edited_ts: str | None = None
    is_deleted: bool = False
    choices: dict[str, dict[str, Json]] = Field(default_factory=dict)

    @property
    def is_ephemeral(self) -> bool:
        return self.visible_to is not None


class View(_Kept):
    """A modal or a Home tab that somebody has open. `definition` is what the bot asked for."""

    id: str
    user: str
    definition: Json
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    choices: dict[str, dict[str, Json]] = Field(default_factory=dict)

    @property
    def is_home(self) -> bool:
        return bool(self.definition["type"] == "home")


class Trigger(_Kept):
    """The right to open a modal once, within three real seconds after a person's act."""

    user: str
    expires_at: datetime
    view_id: str | None = None
    is_used: bool = False


class ResponseUrl(_Kept):
    """The place where the bot may answer a person's act: five times, for thirty real minutes."""

    user: str
    channel: str
    expires_at: datetime
    message_ts: str | None = None
    uses: int = 0


class State(_Kept):
    """Everything that is saved for the next start."""

    team_id: str = "T0ACME0001"
    team_name: str = "Acme"
    team_domain: str = "acme"
    app_id: str = "A0RIPE0001"
    bot_id: str = "B0RIPE0001"
    bot_user_id: str = "U0RIPE0BOT"
    is_revoked: bool = False
    last_number: int = 0
    last_ts: int = 0
    users: dict[str, User] = Field(default_factory=dict)
    channels: dict[str, str] = Field(default_factory=dict)
    """The bot's DMs: user by channel."""
    messages: dict[str, Message] = Field(default_factory=dict)
    views: dict[str, View] = Field(default_factory=dict)
    triggers: dict[str, Trigger] = Field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = Field(default_factory=dict)


class Call(Value):
    """One call of the Web API, or of a response URL (`response_url`). `error`: None if it was done.

    `at` is on the application's clock; `arguments` are without the token. `fault` is the fault that was
    ordered for it. With a fault and no error the call was carried out, and only its answer was lost.
    """

    method: str
    arguments: Json
    at: datetime
    error: str | None = None
    fault: str | None = None


class Fault(BaseModel):
    """A failure of the next calls of `method` (`*` is any).

    ratelimited: 429 with Retry-After, to every call until `retry_after` seconds of the application's clock
    are over. error: an HTTP `status` of 500 or more. refused: status 200 with the error `code`. hang: no
    answer. cut: the connection ends before one.
    `moment` after: the call is carried out first, so only its answer is lost.
    """

    model_config = ConfigDict(extra="forbid")

    method: str
    kind: Literal["ratelimited", "error", "refused", "hang", "cut"]
    moment: Literal["before", "after"] = "before"
    times: int = Field(default=1, ge=1)
    retry_after: int = Field(default=1, ge=1)
    status: int = Field(default=500, ge=500, le=599)
    code: str = "invalid_auth"
    until: datetime | None = None


class Sent(Value):
    """A request to the bot, exactly as it was sent, so that it can be sent again."""

    body: str
    content_type: str


class Reply(Value):
    """The bot's answer to an act of a person, and its effect on the person's screen.

    `status` is None if there was no answer. `in_time`: within the three seconds that Slack waits. `error` is
    what Slack shows in place of an answer: operation_timeout, dispatch_failed. `message_ts` is the message
    that the answer became, `errors` what a modal shows under its fields, `url` the link that a click opened.
    """

    status: int | None
    body: str
    in_time: bool
    sent: Sent
    error: str | None = None
    message_ts: str | None = None
    errors: dict[str, str] = Field(default_factory=dict)
    url: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.error is None
