"""The methods of the Web API, as Slack documents them: https://docs.slack.dev/reference/methods."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from bot.sandbox.slack import arguments as take
from bot.sandbox.slack.explain import explain
from bot.sandbox.slack.model import Json, Message, MethodError, View
from bot.sandbox.slack.shapes import message_shape, user_shape, view_shape
from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")
MOST_PUSHED = 3


class Method(NamedTuple):
    arguments: type[BaseModel]
    scope: str | None
    answer: Callable[[Workspace, Any], Json]


def call_method(workspace: Workspace, name: str, given: Json) -> Json:
    """Carry out a method and return its answer. Raises MethodError."""
    method = METHODS[name]
    if method.scope and method.scope not in workspace.scopes:
        provided = ",".join(sorted(workspace.scopes))
        raise MethodError("missing_scope", needed=method.scope, provided=provided)
    # The SDKs add the workspace to every call, although the token implies it.
    given = {name: value for name, value in given.items() if name != "team_id"}
    try:
        arguments = method.arguments.model_validate(given)
    except ValidationError as error:
        raise MethodError("invalid_arguments", explain(error, given)) from None
    return method.answer(workspace, arguments)


def _test_auth(workspace: Workspace, _: take.NoArguments) -> Json:
    state = workspace.state
    return {
        "url": f"https://{state.team_domain}.slack.com/",
        "team": state.team_name,
        "user": "ripe",
        "team_id": state.team_id,
        "user_id": state.bot_user_id,
        "bot_id": state.bot_id,
        "is_enterprise_install": False,
    }


def _post_message(workspace: Workspace, given: take.PostMessage) -> Json:
    channel = workspace.find_channel(given.channel)
    _require_content(given)
    message = workspace.add_message(
        Message(
            ts=workspace.new_ts(),
            channel=channel,
            author=workspace.state.bot_user_id,
            text=given.text or "",
            blocks=given.blocks or [],
            metadata=given.metadata or None,
            parse=given.parse,
            link_names=given.link_names,
            thread_ts=given.thread_ts,
        )
    )
    return {
        "channel": channel,
        "ts": message.ts,
        "message": message_shape(workspace, message, with_metadata=True),
    }


def _post_ephemeral(workspace: Workspace, given: take.PostEphemeral) -> Json:
    channel = workspace.find_channel(given.channel)
    if workspace.state.channels[channel] != workspace.find_user(given.user).id:
        raise MethodError("user_not_in_channel")
    _require_content(given)
    message = workspace.add_message(
        Message(
            ts=workspace.new_ts(),
            channel=channel,
            author=workspace.state.bot_user_id,
            text=given.text or "",
            blocks=given.blocks or [],
            parse=given.parse,
            link_names=given.link_names,
            thread_ts=given.thread_ts,
            visible_to=given.user,
        )
    )
    return {"message_ts": message.ts}


def _require_content(given: take.Content) -> None:
    if not given.text and not given.blocks:
        raise MethodError("no_text")


def _update(workspace: Workspace, given: take.Update) -> Json:
    message = _own_message(workspace, given.channel, given.ts, "cant_update_message")
    if given.text is None and given.blocks is None and given.metadata is None:
        raise MethodError("no_text")
    if not (given.text or given.blocks or message.blocks):
        raise MethodError("no_text")
    workspace.change_message(message, given.text, given.blocks)
    message.parse, message.link_names = given.parse, given.link_names
    if given.metadata is not None:
        message.metadata = given.metadata or None
    shape = message_shape(workspace, message, with_metadata=True)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": shape}


def _delete(workspace: Workspace, given: take.Delete) -> Json:
    message = _own_message(workspace, given.channel, given.ts, "cant_delete_message")
    message.is_deleted = True
    return {"channel": message.channel, "ts": message.ts}


def _own_message(workspace: Workspace, channel: str, ts: str, otherwise: str) -> Message:
    # Unlike chat.postMessage, these methods take the DM's own id only.
    if channel not in workspace.state.channels:
        raise MethodError("channel_not_found")
    message = workspace.find_message(channel, ts)
    if message.author != workspace.state.bot_user_id:
        raise MethodError(otherwise)
    return message


def _open_conversation(workspace: Workspace, given: take.OpenConversation) -> Json:
    if given.channel is not None:
        channel = given.channel
        if channel not in workspace.state.channels:
            raise MethodError("channel_not_found")
        user = workspace.find_user(workspace.state.channels[channel])
    else:
        user_ids = [user for user in (given.users or "").split(",") if user]
        if not user_ids:
            raise MethodError("users_list_not_supplied")
        if len(user_ids) > 1:
            raise MethodError(
                "missing_scope", needed="mpim:write", provided=",".join(sorted(workspace.scopes))
            )
        user = workspace.find_user(user_ids[0])
    if user.is_bot:
        raise MethodError("cannot_dm_bot")
    if user.deleted:
        raise MethodError("user_disabled")
    was_open = user.id in workspace.state.channels.values()
    shape: Json = {"id": workspace.dm_with(user)}
    if given.return_im:
        shape |= {"is_im": True, "user": user.id, "is_open": True, "is_archived": False}
    return {"channel": shape, **({"no_op": True, "already_open": True} if was_open else {})}


def _history(workspace: Workspace, given: take.History) -> Json:
    if given.channel not in workspace.state.channels:
        raise MethodError("channel_not_found")
    messages = [
        message
        for message in reversed(workspace.state.messages.values())
        if message.channel == given.channel
        and not (message.is_deleted or message.is_ephemeral)
        and _is_within(message, given)
    ]
    page, cursor = _page(messages, given.limit, given.cursor)
    answer: Json = {
        "messages": [message_shape(workspace, message, given.include_all_metadata) for message in page],
        "has_more": bool(cursor),
        "pin_count": 0,
    }
    return {**answer, "response_metadata": {"next_cursor": cursor}} if cursor else answer


def _is_within(message: Message, given: take.History) -> bool:
    ts, oldest = float(message.ts), float(given.oldest)
    latest = float(given.latest) if given.latest else float("inf")
    return oldest <= ts <= latest if given.inclusive else oldest < ts < latest


def _page(rows: Sequence[T], limit: int, cursor: str | None) -> tuple[Sequence[T], str]:
    start = _read_cursor(cursor) if cursor else 0
    end = start + limit
    following = base64.b64encode(f"after:{end}".encode()).decode() if end < len(rows) else ""
    return rows[start:end], following


def _read_cursor(cursor: str) -> int:
    try:
        word, _, number = base64.b64decode(cursor, validate=True).decode().partition(":")
        if word != "after":
            raise MethodError("invalid_cursor")
        return int(number)
    except (binascii.Error, ValueError):
        raise MethodError("invalid_cursor") from None


def _show_user(workspace: Workspace, given: take.UserInfo) -> Json:
    return {"user": user_shape(workspace, workspace.find_user(given.user))}


def _list_users(workspace: Workspace, given: take.ListUsers) -> Json:
    everybody = [*workspace.state.users.values()]
    page, cursor = _page(everybody, given.limit or len(everybody), given.cursor)
    return {
        "members": [user_shape(workspace, user) for user in page],
        "cache_ts": int(workspace.now().timestamp()),
        "response_metadata": {"next_cursor": cursor},
    }


def _look_up_by_email(workspace: Workspace, given: take.LookupByEmail) -> Json:
    for user in workspace.state.users.values():
        if user.email and user.email.lower() == given.email.lower() and not user.deleted:
            return {"user": user_shape(workspace, user)}
    raise MethodError("users_not_found")


def _open_view(workspace: Workspace, given: take.OpenView) -> Json:
    _require_modal(given.view)
    _require_unused_external_id(workspace, given.view)
    trigger = workspace.use_trigger(given.trigger_id)
    return {"view": view_shape(workspace, workspace.add_view(trigger.user, given.view))}


def _push_view(workspace: Workspace, given: take.OpenView) -> Json:
    _require_modal(given.view)
    _require_unused_external_id(workspace, given.view)
    trigger = workspace.use_trigger(given.trigger_id)
    opened = workspace.modals_of(trigger.user)
    if trigger.view_id is None or not opened:
        raise MethodError("not_found")
    if len(opened) >= MOST_PUSHED:
        raise MethodError("push_limit_reached")
    return {"view": view_shape(workspace, workspace.add_view(trigger.user, given.view, opened[-1]))}


def _update_view(workspace: Workspace, given: take.UpdateView) -> Json:
    view = _find_view(workspace, given)
    if given.view["type"] != view.definition["type"]:
        raise MethodError(
            "invalid_arguments", ["[ERROR] the type of a view cannot change [json-pointer:/view/type]"]
        )
    _require_hash(view, given.hash)
    workspace.change_view(view, given.view)
    return {"view": view_shape(workspace, view)}


def _find_view(workspace: Workspace, given: take.UpdateView) -> View:
    if (given.view_id is None) == (given.external_id is None):
        raise MethodError("invalid_arguments", ["[ERROR] must have exactly one of view_id, external_id"])
    for view in workspace.state.views.values():
        external_id = view.definition.get("external_id")
        if given.view_id == view.id or (external_id and given.external_id == external_id):
            return view
    raise MethodError("not_found")


def _publish_view(workspace: Workspace, given: take.PublishView) -> Json:
    if given.view["type"] != "home":
        raise MethodError("invalid_arguments", ["[ERROR] must be a home view [json-pointer:/view/type]"])
    user = workspace.find_user(given.user_id)
    view = workspace.home_of(user.id)
    if view is None:
        return {"view": view_shape(workspace, workspace.add_view(user.id, given.view))}
    _require_hash(view, given.hash)
    workspace.change_view(view, given.view)
    return {"view": view_shape(workspace, view)}


def _require_hash(view: View, expected: str | None) -> None:
    if expected is not None and expected != view.hash:
        raise MethodError("hash_conflict")


def _require_modal(view: Json) -> None:
    if view["type"] != "modal":
        raise MethodError("invalid_arguments", ["[ERROR] must be a modal [json-pointer:/view/type]"])


def _require_unused_external_id(workspace: Workspace, definition: Json) -> None:
    external_id = definition.get("external_id")
    if external_id and any(
        view.definition.get("external_id") == external_id for view in workspace.state.views.values()
    ):
        raise MethodError("duplicate_external_id")


METHODS: dict[str, Method] = {
    "auth.test": Method(take.NoArguments, None, _test_auth),
    "chat.postMessage": Method(take.PostMessage, "chat:write", _post_message),
    "chat.postEphemeral": Method(take.PostEphemeral, "chat:write", _post_ephemeral),
    "chat.update": Method(take.Update, "chat:write", _update),
    "chat.delete": Method(take.Delete, "chat:write", _delete),
    "conversations.open": Method(take.OpenConversation, "im:write", _open_conversation),
    "conversations.history": Method(take.History, "im:history", _history),
    "users.info": Method(take.UserInfo, "users:read", _show_user),
    "users.list": Method(take.ListUsers, "users:read", _list_users),
    "users.lookupByEmail": Method(take.LookupByEmail, "users:read.email", _look_up_by_email),
    "views.open": Method(take.OpenView, None, _open_view),
    "views.push": Method(take.OpenView, None, _push_view),
    "views.update": Method(take.UpdateView, None, _update_view),
    "views.publish": Method(take.PublishView, None, _publish_view),
}
