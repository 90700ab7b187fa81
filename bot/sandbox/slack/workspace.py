"""A workspace: its people, DMs, messages and views. Nothing here speaks HTTP."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.sandbox.documents import find_document, save_document
from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.model import (
    Call,
    ImpossibleError,
    Json,
    Message,
    MethodError,
    ResponseUrl,
    State,
    Trigger,
    User,
    View,
)
from bot.sandbox.slack.seed import seed_state
from jobq import utc_now

LONGEST_TEXT = 40_000
"""Characters. Slack cuts longer texts."""
TRIGGER_LASTS = timedelta(seconds=3)
RESPONSE_URL_LASTS = timedelta(minutes=30)
MOST_CALLS = 20_000
SCOPES = frozenset({"commands", "chat:write", "im:write", "im:history", "users:read", "users:read.email"})


class Workspace:
    """`now` is the application's clock, which dates messages; triggers and URLs expire on real time.

    `state_file` is where everything is saved for the next start; None: nothing is saved.
    """

    def __init__(
        self, now: Callable[[], datetime], bot_token: SecretStr, state_file: Path | None = None
    ) -> None:
        self.now = now
        self.bot_token = bot_token
        self.scopes: set[str] = set(SCOPES)
        self.faults = Faults(now)
        self.calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self.on_call: Callable[[Call], object] = lambda _: None
        """Called with every call of the Web API and of a response URL."""
        self.base_url: str | None = None
        """The address of this Slack, without a slash at the end. Its routes set it at the first request."""
        self._state_file = state_file
        saved = find_document(state_file, State) if state_file else None
        self.state = saved or seed_state()

    def save(self) -> None:
        """Write the state file, whole or not at all."""
        if self._state_file is not None:
            save_document(self._state_file, self.state)

    # Names

    def number(self) -> int:
        """A number that was never given before."""
        self.state.last_number += 1
        return self.state.last_number

    def new_ts(self) -> str:
        """The ts of something that happens now, unique and later than the last one."""
        self.state.last_ts = max(int(self.now().timestamp() * 1_000_000), self.state.last_ts + 100)
        return as_ts(self.state.last_ts)

    # People

    def user(self, id_or_name: str) -> User:
        """Raises ImpossibleError if there is nobody with this id or name."""
        for user in self.state.users.values():
            if id_or_name in (user.id, user.name):
                return user
        names = ", ".join(user.name for user in self.state.users.values())
        raise ImpossibleError(f"nobody here is called {id_or_name!r}; there are {names}")

    def find_user(self, user_id: str) -> User:
        """Raises MethodError as a method would."""
        if user_id not in self.state.users:
            raise MethodError("user_not_found")
        return self.state.users[user_id]

    # DMs and messages

    def dm_with(self, user: User) -> str:
        """The channel of the bot's DM with this user, which is opened if there is none yet."""
        for channel, user_id in self.state.channels.items():
            if user_id == user.id:
                return channel
        channel = f"D0{user.id[2:]}"
        self.state.channels[channel] = user.id
        return channel

    def find_channel(self, channel: str) -> str:
        """The DM with this id, or with the user who has it. Raises MethodError."""
        if channel in self.state.channels:
            return channel
        user = self.state.users.get(channel)
        if user is None or user.is_bot or user.deleted:
            raise MethodError("channel_not_found")
        return self.dm_with(user)

    def find_message(self, channel: str, ts: str) -> Message:
        """A message that methods can find. Raises MethodError."""
        message = self.state.messages.get(ts)
        if message is None or message.channel != channel or message.is_deleted or message.is_ephemeral:
            raise MethodError("message_not_found")
        return message

    def add_message(self, message: Message) -> Message:
        message.text = message.text[:LONGEST_TEXT]
        message.blocks = self.with_block_ids(message.blocks)
        self.state.messages[message.ts] = message
        return message

    def change_message(self, message: Message, text: str | None, blocks: list[Json] | None) -> None:
        """Change it as chat.update does: text alone removes the blocks.

        Only messages without blocks are marked as edited.
        """
        if text is not None:
            message.text = text[:LONGEST_TEXT]
        if text is not None or blocks is not None:
            message.blocks = self.with_block_ids(blocks or [])
            message.choices = {}
        if not message.blocks:
            message.edited_ts = self.new_ts()

    def with_block_ids(self, blocks: list[Json]) -> list[Json]:
        """The blocks as Slack returns them: with ids where the bot gave none, and with default values."""
        return [self._named(block) for block in blocks]

    def _named(self, block: Json) -> Json:
        named: Json = _spelled_out(block)
        named.setdefault("block_id", f"b{self.number():04x}")
        for element in elements_of(named):
            element.setdefault("action_id", f"a{self.number():04x}")
        return named

    def messages_to(self, user: str) -> list[Message]:
        """The visible messages in this person's (id or name) DM with the bot, oldest first."""
        user_id = self.user(user).id
        return [
            message
            for message in self.state.messages.values()
            if self.state.channels[message.channel] == user_id and not message.is_deleted
        ]

    # Views

    def add_view(self, user: str, definition: Json, previous: View | None = None) -> View:
        view_id = f"V{self.number():010d}"
        view = View(
            id=view_id,
            user=user,
            definition=self._completed(definition),
            hash=self.new_hash(),
            root_view_id=previous.root_view_id if previous else view_id,
            previous_view_id=previous.id if previous else None,
        )
        self.state.views[view_id] = view
        return view

    def change_view(self, view: View, definition: Json) -> None:
        view.definition = self._completed(definition)
        view.hash = self.new_hash()

    def _completed(self, definition: Json) -> Json:
        return {**_spelled_out(definition), "blocks": self.with_block_ids(definition["blocks"])}

    def new_hash(self) -> str:
        return f"{int(self.now().timestamp())}.{self.number():08x}"

    def modals_of(self, user: str) -> list[View]:
        """The stack of modals this person has open, the one they see last."""
        user_id = self.user(user).id
        return [view for view in self.state.views.values() if view.user == user_id and not view.is_home]

    def home_of(self, user: str) -> View | None:
        """The Home tab as published for this person."""
        user_id = self.user(user).id
        homes = (view for view in self.state.views.values() if view.user == user_id and view.is_home)
        return next(homes, None)

    # Permissions that an act of a person gives the bot

    def new_trigger(self, user: User, view_id: str | None = None) -> str:
        now = utc_now()
        self.state.triggers = {
            name: trigger
            for name, trigger in self.state.triggers.items()
            if trigger.expires_at > now - RESPONSE_URL_LASTS
        }
        trigger_id = f"{self.number()}.{int(now.timestamp())}.{self.number():032x}"
        self.state.triggers[trigger_id] = Trigger(
            user=user.id, expires_at=now + TRIGGER_LASTS, view_id=view_id
        )
        return trigger_id

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Use up a trigger. Raises MethodError if it is unknown, too old or used."""
        trigger = self.state.triggers.get(trigger_id)
        if trigger is None:
            raise MethodError("invalid_trigger_id")
        if trigger.is_used:
            raise MethodError("exchanged_trigger_id")
        if utc_now() >= trigger.expires_at:
            raise MethodError("expired_trigger_id")
        trigger.is_used = True
        return trigger

    def expire_triggers(self) -> None:
        """Let all triggers expire, as they do after three seconds."""
        for trigger in self.state.triggers.values():
            trigger.expires_at = utc_now()

    def new_response_url(self, user: User, channel: str, message_ts: str | None = None) -> str:
        """A new response URL. Raises ImpossibleError while the address of this Slack is unknown."""
        if self.base_url is None:
            raise ImpossibleError(
                "this Slack has not been reached yet: set its base_url to where it is served"
            )
        now = utc_now()
        urls = {name: url for name, url in self.state.response_urls.items() if url.expires_at > now}
        name = f"{self.state.team_id}/{self.number()}/{self.number():024x}"
        urls[name] = ResponseUrl(
            user=user.id, channel=channel, message_ts=message_ts, expires_at=now + RESPONSE_URL_LASTS
        )
        self.state.response_urls = urls
        return f"{self.base_url}/response/{name}"


_BY_DEFAULT = {"plain_text": {"emoji": True}, "mrkdwn": {"verbatim": False}}


def _spelled_out(part: Any) -> Any:
    """A copy in which every text object has Slack's default values."""
    if isinstance(part, dict):
        copy = {name: _spelled_out(value) for name, value in part.items()}
        return {**copy, **_BY_DEFAULT.get(part.get("type", ""), {}), **copy}
    return [_spelled_out(value) for value in part] if isinstance(part, list) else part


def as_ts(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"
