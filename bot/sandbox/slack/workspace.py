"""The workspace itself: its people, DMs, messages and views. Nothing here speaks HTTP."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.sandbox.keeping import find_kept, keep
from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.model import (
    Call,
    Impossible,
    Json,
    Message,
    ResponseUrl,
    SlackError,
    State,
    Trigger,
    User,
    View,
)
from bot.sandbox.slack.seed import seed_state
from jobq import utc_now

LONGEST_TEXT = 40_000
"""Characters; Slack cuts what is over."""
TRIGGER_LASTS = timedelta(seconds=3)
RESPONSE_URL_LASTS = timedelta(minutes=30)
MOST_CALLS = 20_000
SCOPES = frozenset({"commands", "chat:write", "im:write", "im:history", "users:read", "users:read.email"})


class Workspace:
    """`now` is the application's clock, which dates messages; triggers and URLs expire on real time.

    `state_file`: where everything is kept for the next start; None keeps nothing.
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
        """Hears of every call of the Web API and of a response URL."""
        self.base_url: str | None = None
        """Where this Slack is reached, without a slash at the end. Its routes set it when first asked."""
        self._state_file = state_file
        kept = find_kept(state_file, State) if state_file else None
        self.state = kept or seed_state()

    def save(self) -> None:
        """Writes the state file, whole or not at all."""
        if self._state_file is not None:
            keep(self._state_file, self.state)

    # Names

    def number(self) -> int:
        """Never given before."""
        self.state.last_number += 1
        return self.state.last_number

    def new_ts(self) -> str:
        """The name of what happens now, unique and never older than the last one."""
        self.state.last_ts = max(int(self.now().timestamp() * 1_000_000), self.state.last_ts + 100)
        return as_ts(self.state.last_ts)

    # People

    def user(self, id_or_name: str) -> User:
        """Raises Impossible if there is nobody with this id or name."""
        for user in self.state.users.values():
            if id_or_name in (user.id, user.name):
                return user
        names = ", ".join(user.name for user in self.state.users.values())
        raise Impossible(f"nobody here is called {id_or_name!r}; there are {names}")

    def find_user(self, user_id: str) -> User:
        """Raises SlackError as a method would."""
        if user_id not in self.state.users:
            raise SlackError("user_not_found")
        return self.state.users[user_id]

    # DMs and messages

    def dm_with(self, user: User) -> str:
        """The channel in which the bot and this user talk; it is opened if there is none yet."""
        for channel, user_id in self.state.channels.items():
            if user_id == user.id:
                return channel
        channel = f"D0{user.id[2:]}"
        self.state.channels[channel] = user.id
        return channel

    def find_channel(self, channel: str) -> str:
        """The DM named by its id or by its user's. Raises SlackError."""
        if channel in self.state.channels:
            return channel
        user = self.state.users.get(channel)
        if user is None or user.is_bot or user.deleted:
            raise SlackError("channel_not_found")
        return self.dm_with(user)

    def find_message(self, channel: str, ts: str) -> Message:
        """A message that methods can find. Raises SlackError."""
        message = self.state.messages.get(ts)
        if message is None or message.channel != channel or message.is_deleted or message.is_ephemeral:
            raise SlackError("message_not_found")
        return message

    def add_message(self, message: Message) -> Message:
        message.text = message.text[:LONGEST_TEXT]
        message.blocks = self.with_block_ids(message.blocks)
        self.state.messages[message.ts] = message
        return message

    def change_message(self, message: Message, text: str | None, blocks: list[Json] | None) -> None:
        """As chat.update: text alone takes the blocks away; what has blocks is not marked as edited."""
        if text is not None:
            message.text = text[:LONGEST_TEXT]
        if text is not None or blocks is not None:
            message.blocks = self.with_block_ids(blocks or [])
            message.choices = {}
        if not message.blocks:
            message.edited_ts = self.new_ts()

    def with_block_ids(self, blocks: list[Json]) -> list[Json]:
        """Slack names what the bot left without a name, and spells out what is so by default."""
        return [self._named(block) for block in blocks]

    def _named(self, block: Json) -> Json:
        named: Json = _spelled_out(block)
        named.setdefault("block_id", f"b{self.number():04x}")
        for element in elements_of(named):
            element.setdefault("action_id", f"a{self.number():04x}")
        return named

    def messages_to(self, user: str) -> list[Message]:
        """What this person (id or name) sees in their DM with the bot, oldest first."""
        seen_by = self.user(user).id
        return [
            message
            for message in self.state.messages.values()
            if self.state.channels[message.channel] == seen_by and not message.is_deleted
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

    # What a person's act lets the bot do

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
        """Raises SlackError if it never was, is too old or was used."""
        trigger = self.state.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        if utc_now() >= trigger.expires_at:
            raise SlackError("expired_trigger_id")
        trigger.is_used = True
        return trigger

    def expire_triggers(self) -> None:
        """As if three seconds had passed."""
        for trigger in self.state.triggers.values():
            trigger.expires_at = utc_now()

    def new_response_url(self, user: User, channel: str, message_ts: str | None = None) -> str:
        """Raises Impossible when nobody knows yet where this Slack is reached."""
        if self.base_url is None:
            raise Impossible("this Slack has not been reached yet: set its base_url to where it is served")
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
    """A copy in which every text object says how it is to be read."""
    if isinstance(part, dict):
        copy = {name: _spelled_out(value) for name, value in part.items()}
        return {**copy, **_BY_DEFAULT.get(part.get("type", ""), {}), **copy}
    return [_spelled_out(value) for value in part] if isinstance(part, list) else part


def as_ts(microseconds: int) -> str:
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}"
