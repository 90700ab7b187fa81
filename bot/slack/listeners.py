"""What Slack tells us: each thing told apart, handed on, and answered where the person is looking."""

import asyncio
import re
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.model import UserError
from bot.slack.gateway import SlackGateway, SlackOutcomeUnknown, SlackRefused, SlackUser, parse_user
from bot.slack.messages import SAY, UNDO, Rendered, render_text
from bot.slack.views import FORMS, UNMUTE, Form, View, render_loading, render_message_view
from jobq import Postpone

log = structlog.get_logger()

EVERYTHING = re.compile(".*", re.DOTALL)
SHORT_COMMANDS = frozenset({"snooze", "ooo", "reviews"})
_ANSWERED_IN_PLACE = frozenset({UNDO, SAY, UNMUTE, "cancel_absence"})
"""Buttons in an answer of ours, which their own answer replaces."""

Body = Mapping[str, Any]


class Desk(Protocol):
    """What people can have done. `key` is Slack's id of the request: None if it was served before.

    The answer to what a person typed or pressed is always a message, also when it is no.
    """

    async def say(self, key: str, slack_user_id: str, words: str) -> Rendered | None:
        """Words as after `/ripe`."""

    def knows_button(self, name: str) -> bool:
        """Whether a button of this name does something."""

    async def press(self, key: str, slack_user_id: str, name: str, value: str) -> Rendered | None:
        """A button that it knows."""

    async def fill_form(self, key: str, slack_user_id: str, name: str) -> View | None:
        """A form to show, or a view that says why not."""

    async def submit(
        self, key: str, slack_user_id: str, name: str, state: Mapping[str, Any]
    ) -> Rendered | None:
        """A form that was filled in. Raises UserError, whose text is for the form."""

    async def show_home(self, slack_user_id: str) -> View:
        """The App Home tab."""

    async def follow(self, key: str, user: SlackUser) -> None:
        """A profile changed. Raises UserError when that could not be saved."""

    async def leave(self, key: str, told_at: datetime) -> None:
        """The app was taken away at `told_at`. Raises UserError when that could not be saved."""


class Listeners:
    """Nothing is acknowledged before it is done; what is only shown is sent after the answer."""

    def __init__(self, desk: Desk, slack: SlackGateway) -> None:
        self._desk = desk
        self._slack = slack
        self._later: set[asyncio.Task[None]] = set()

    def register(self, bolt: AsyncApp) -> None:
        """One listener for each kind of request: nothing is left for Bolt to answer with 404."""
        bolt.command(EVERYTHING)(self.on_command)
        bolt.action(EVERYTHING)(self.on_action)
        bolt.view(EVERYTHING)(self.on_submission)
        bolt.event(EVERYTHING)(self.on_event)
        for unused in (bolt.shortcut, bolt.options, bolt.view_closed):
            unused(EVERYTHING)(acknowledge)

    async def finish(self) -> None:
        """Waits for what is still being sent."""
        while self._later:
            await asyncio.wait(set(self._later))

    async def on_command(self, ack: AsyncAck, body: Body) -> None:
        """`/snooze ...`, `/ooo ...`, `/reviews ...`, and `/ripe` with any of these."""
        words = _typed(body)
        if (form := FORMS.get(words.lower())) is not None:
            await ack()
            self._send_later(self._open_form(form, body))
            return
        answer = await self._desk.say(_trigger(body), body["user_id"], words)
        if answer is None:
            await ack()
        else:
            await ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")

    async def on_action(self, ack: AsyncAck, body: Body, action: Body) -> None:
        """A button was pressed, or something chosen from a menu."""
        name = str(action.get("action_id", "")).partition(":")[0]
        answer = None
        # The others open an address, belong to a form, or are from an older version.
        if self._desk.knows_button(name):
            answer = await self._desk.press(_trigger(body), body["user"]["id"], name, _value(action))
        await ack()
        if answer is not None:
            self._send_later(self._show(body, answer, replace=name in _ANSWERED_IN_PLACE))

    async def on_submission(self, ack: AsyncAck, body: Body) -> None:
        """A form was sent: done, or shown again with what is wrong with it."""
        view = body["view"]
        if (form := FORMS.get(view["callback_id"])) is None:
            await ack()
            return
        try:
            answer = await self._desk.submit(
                _trigger(body), body["user"]["id"], form.name, view["state"]["values"]
            )
        except UserError as error:
            await ack(response_action="errors", errors={form.error_field: str(error)})
            return
        if answer is None:
            await ack()
        else:
            await ack(response_action="update", view=render_message_view(form.title, answer))

    async def on_event(self, body: Body, event: Body) -> None:
        """Words in our conversation, a changed profile, our tab opened, our access taken away."""
        key = f"event:{body['event_id']}"
        match event:
            case {"type": "message", "channel_type": "im", "user": str(user), "text": str(words)}:
                if "bot_id" not in event and "subtype" not in event:
                    await self._on_words(key, user, event["channel"], words)
            case {"type": "user_change", "user": {"id": str()} as profile}:
                await self._desk.follow(key, parse_user(profile))
            case {"type": "app_home_opened", "tab": "home", "user": str(user)}:
                self._send_later(self._show_home(user))
            # Tokens of persons, which we have none of, are revoked by the same event.
            case {"type": "app_uninstalled"} | {"type": "tokens_revoked", "tokens": {"bot": [_, *_]}}:
                log.warning("Slack took this app's access away", event_type=event["type"])
                await self._desk.leave(key, datetime.fromtimestamp(body["event_time"], UTC))

    async def _on_words(self, key: str, user: str, channel: str, words: str) -> None:
        answer = await self._desk.say(key, user, words.strip().removeprefix("/"))
        if answer is not None:
            self._send_later(self._slack.post_dm(channel, answer))

    async def _open_form(self, form: Form, body: Body) -> None:
        """At once with nothing in it: the right to open one lasts three seconds."""
        try:
            view_id = await self._slack.open_view(body["trigger_id"], render_loading(form.title))
        except SlackRefused as error:
            log.info("a form was not opened", error=error.error)
            # Slack sent this request before, and the form is open.
            if error.error != "exchanged_trigger_id":
                await self._slack.respond(body["response_url"], render_text(form.without_form))
            return
        view = await self._desk.fill_form(f"form:{body['trigger_id']}", body["user_id"], form.name)
        if view is not None:
            await self._slack.update_view(view_id, view)

    async def _show(self, body: Body, answer: Rendered, *, replace: bool) -> None:
        view = body.get("view") or {}
        if view.get("type") == "modal":
            await self._slack.update_view(view["id"], render_message_view("Ripe", answer))
        elif view.get("type") == "home":
            await self._show_home(body["user"]["id"])
        elif body.get("response_url"):
            await self._slack.respond(body["response_url"], answer, replace=replace)

    async def _show_home(self, user: str) -> None:
        await self._slack.publish_home(user, await self._desk.show_home(user))

    def _send_later(self, sending: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(_send(sending))
        self._later.add(task)
        task.add_done_callback(self._later.discard)


async def acknowledge(ack: AsyncAck) -> None:
    """Nothing of ours, such as a menu that an older version has sent."""
    await ack()


async def _send(sending: Coroutine[Any, Any, object]) -> None:
    """What was done does not depend on whether its answer arrives."""
    try:
        await sending
    except (SlackRefused, SlackOutcomeUnknown, Postpone) as error:
        log.warning("an answer did not reach Slack", error=f"{type(error).__name__}: {error}")
    except Exception:
        log.exception("an answer could not be made")


def _typed(body: Body) -> str:
    """What was typed, in the words of `/ripe`."""
    command = str(body["command"]).removeprefix("/").lower()
    words = " ".join(str(body.get("text") or "").split())
    return f"{command} {words}".strip() if command in SHORT_COMMANDS else words


def _trigger(body: Body) -> str:
    return f"trigger:{body['trigger_id']}"


def _value(action: Body) -> str:
    chosen = action.get("selected_option") or action
    return str(chosen.get("value", ""))
