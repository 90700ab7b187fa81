"""The listeners of Bolt: they parse each kind of request, have it carried out, and send the answer."""

import re
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import describe_error
from bot.model import UserError, WorkspaceId
from bot.slack.commands import Command, OpenForm, parse_command
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackGateway, SlackUser, parse_user
from bot.slack.messages import SAY, UNDO, Rendered, render_text
from bot.slack.tasks import BackgroundTasks
from bot.slack.views import FORMS, UNMUTE, Form, View, render_loading, render_message_view
from bot.slack.workspaces import ConnectedWorkspace
from jobq import Postpone

log = structlog.get_logger()

EVERYTHING = re.compile(".*", re.DOTALL)
SHORT_COMMANDS = frozenset({"snooze", "ooo", "reviews"})
_ANSWERED_IN_PLACE = frozenset({UNDO, SAY, UNMUTE, "cancel_absence", "shorten_absence"})
"""Buttons under an answer of ours: the answer to the button replaces that message."""

Body = Mapping[str, Any]


class SlackRequest(NamedTuple):
    """Something that a person asks for in Slack. Slack repeats a request with the same `key`."""

    workspace: ConnectedWorkspace
    key: str
    user_id: str


class Actions(Protocol):
    """The things that people can do in Slack. The methods return None for a request that was served before.

    Unless it is said otherwise, the answer to a person is always a message, even if it is a refusal.
    """

    async def obey(self, request: SlackRequest, command: Command) -> Rendered | None:
        """Carries out a typed command."""

    async def press(self, request: SlackRequest, name: str, value: str) -> Rendered | None:
        """Carries out the action of a button. None for a button without one, such as a link."""

    async def fill_form(self, request: SlackRequest, name: str) -> View | None:
        """The form of this name, or a view that says why there is none."""

    async def submit(self, request: SlackRequest, name: str, state: Mapping[str, Any]) -> Rendered | None:
        """Carries out a submitted form. Raises UserError, whose text is shown in the form."""

    async def show_home(self, workspace: ConnectedWorkspace, slack_user_id: str) -> View:
        """The App Home tab."""

    async def follow_profile(self, workspace_id: WorkspaceId, key: str, user: SlackUser) -> None:
        """Takes over a changed profile. Raises UserError when it could not be saved."""

    async def leave(self, workspace_id: WorkspaceId, key: str, at: datetime) -> None:
        """The workspace removed the app at this time. Raises UserError when that could not be saved."""


class SlackListeners:
    """Acknowledges each request after its work is done, and sends follow-up messages after that."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._tasks = BackgroundTasks()

    def register(self, bolt: AsyncApp) -> None:
        """One listener for each kind of request, so that Bolt answers none with 404."""
        bolt.command(EVERYTHING)(self.on_command)
        bolt.action(EVERYTHING)(self.on_action)
        bolt.view(EVERYTHING)(self.on_submission)
        bolt.event(EVERYTHING)(self.on_event)
        for unused in (bolt.shortcut, bolt.options, bolt.view_closed):
            unused(EVERYTHING)(acknowledge)

    async def finish(self) -> None:
        """Waits for answers that are still being sent."""
        await self._tasks.finish()

    async def on_command(self, ack: AsyncAck, body: Body, workspace: ConnectedWorkspace) -> None:
        """`/snooze ...`, `/ooo ...`, `/reviews ...`, and `/ripe` with any of these."""
        request = SlackRequest(workspace, f"trigger:{body['trigger_id']}", body["user_id"])
        command = parse_command(_typed(body))
        if isinstance(command, OpenForm):
            await ack()
            self._send_later(self._open_form(workspace.slack, FORMS[command.name], body, request))
        elif (answer := await self._actions.obey(request, command)) is None:
            await ack()
        else:
            await ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")

    async def on_action(self, ack: AsyncAck, body: Body, action: Body, workspace: ConnectedWorkspace) -> None:
        """A button was pressed, or an option of a menu was chosen."""
        name = str(action.get("action_id", "")).partition(":")[0]
        answer = await self._actions.press(_request_of(body, workspace), name, _value(action))
        await ack()
        if answer is not None:
            is_in_place = name in _ANSWERED_IN_PLACE
            self._send_later(self._show(workspace, body, answer, replace=is_in_place))

    async def on_submission(self, ack: AsyncAck, body: Body, workspace: ConnectedWorkspace) -> None:
        """A form was sent: its work is done, or it is shown again with an error."""
        view = body["view"]
        if (form := FORMS.get(view["callback_id"])) is None:
            await ack()
            return
        try:
            state = view["state"]["values"]
            answer = await self._actions.submit(_request_of(body, workspace), form.name, state)
        except UserError as error:
            await ack(response_action="errors", errors={form.error_field: str(error)})
            return
        if answer is None:
            await ack()
        else:
            await ack(response_action="update", view=render_message_view(form.title, answer))

    async def on_event(self, body: Body, event: Body, workspace: ConnectedWorkspace) -> None:
        """A message to the bot, a changed profile, an opened home tab, or the end of our access."""
        key = f"event:{body['event_id']}"
        match event:
            case {"type": "message", "channel_type": "im", "user": str(user), "text": str(text)}:
                if "bot_id" not in event and "subtype" not in event:
                    await self._on_message(SlackRequest(workspace, key, user), event["channel"], text)
            case {"type": "user_change", "user": {"id": str()} as profile}:
                await self._actions.follow_profile(workspace.id, key, parse_user(profile))
            case {"type": "app_home_opened", "tab": "home", "user": str(user)}:
                self._send_later(self._show_home(workspace, user))
            # The same event revokes the tokens of persons, of which we have none.
            case {"type": "app_uninstalled"} | {"type": "tokens_revoked", "tokens": {"bot": [_, *_]}}:
                log.warning("Slack took this app's access away", event_type=event["type"])
                await self._actions.leave(workspace.id, key, datetime.fromtimestamp(body["event_time"], UTC))

    async def _on_message(self, request: SlackRequest, channel: str, text: str) -> None:
        answer = await self._actions.obey(request, parse_command(text))
        if answer is not None:
            self._send_later(request.workspace.slack.post_dm(channel, answer))

    async def _open_form(self, slack: SlackGateway, form: Form, body: Body, request: SlackRequest) -> None:
        """Opens an empty form at once, since a trigger lasts three seconds, and fills it after that."""
        try:
            view_id = await slack.open_view(body["trigger_id"], render_loading(form.title))
        except SlackRefusedError as error:
            log.info("a form was not opened", error=error.error)
            # With this error Slack repeated a request, and the form is open.
            if error.error != "exchanged_trigger_id":
                await slack.respond(body["response_url"], render_text(form.without_form))
            return
        # A key of its own: opening a form is no effect yet.
        view = await self._actions.fill_form(request._replace(key=f"form:{body['trigger_id']}"), form.name)
        if view is not None:
            await slack.update_view(view_id, view)

    async def _show(
        self, workspace: ConnectedWorkspace, body: Body, answer: Rendered, *, replace: bool
    ) -> None:
        view = body.get("view") or {}
        if view.get("type") == "modal":
            await workspace.slack.update_view(view["id"], render_message_view("Ripe", answer))
        elif view.get("type") == "home":
            await self._show_home(workspace, body["user"]["id"])
        elif body.get("response_url"):
            await workspace.slack.respond(body["response_url"], answer, replace=replace)

    async def _show_home(self, workspace: ConnectedWorkspace, user_id: str) -> None:
        view = await self._actions.show_home(workspace, user_id)
        await workspace.slack.publish_home(user_id, view)

    def _send_later(self, sending: Coroutine[Any, Any, object]) -> None:
        self._tasks.start(_send(sending))


async def acknowledge(ack: AsyncAck) -> None:
    """For requests that we have no use for, such as a menu of an older version."""
    await ack()


async def _send(sending: Coroutine[Any, Any, object]) -> None:
    """The work is done already, so an answer that does not arrive changes nothing."""
    try:
        await sending
    except (SlackRefusedError, SlackOutcomeUnknownError, Postpone) as error:
        log.warning("an answer did not reach Slack", error=describe_error(error))
    except Exception:
        log.exception("an answer could not be made")


def _typed(body: Body) -> str:
    """The text of a slash command as it would follow `/ripe`."""
    command = str(body["command"]).removeprefix("/").lower()
    text = str(body.get("text") or "")
    return f"{command} {text}".strip() if command in SHORT_COMMANDS else text


def _request_of(body: Body, workspace: ConnectedWorkspace) -> SlackRequest:
    """A click, or a form that was sent."""
    return SlackRequest(workspace, f"trigger:{body['trigger_id']}", body["user"]["id"])


def _value(action: Body) -> str:
    chosen = action.get("selected_option") or action
    return str(chosen.get("value", ""))
