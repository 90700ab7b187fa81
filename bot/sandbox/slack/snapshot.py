"""A snapshot of the whole workspace as JSON, for people and tests outside."""

from collections.abc import Mapping

from bot.sandbox.slack.model import Json, Message, View
from bot.sandbox.slack.render import render_message, render_view
from bot.sandbox.slack.workspace import Workspace

MOST_CALLS_SHOWN = 200


def take_snapshot(workspace: Workspace, names: Mapping[str, str]) -> Json:
    return {
        "team_id": workspace.state.team_id,
        "users": [user.model_dump() for user in workspace.state.users.values()],
        "dms": [_show_dm(workspace, channel, names) for channel in workspace.state.channels],
        "views": [_show_view(view, names) for view in workspace.state.views.values()],
        "calls": [call.model_dump(mode="json") for call in [*workspace.calls][-MOST_CALLS_SHOWN:]],
    }


def _show_dm(workspace: Workspace, channel: str, names: Mapping[str, str]) -> Json:
    user_id = workspace.state.channels[channel]
    messages = [_show_message(message, names) for message in workspace.messages_to(user_id)]
    return {"channel": channel, "user": names[user_id], "messages": messages}


def _show_message(message: Message, names: Mapping[str, str]) -> Json:
    return {
        "ts": message.ts,
        "author": names[message.author],
        "text": message.text,
        "blocks": message.blocks,
        "rendered": render_message(message, names),
        "metadata": message.metadata,
        "is_ephemeral": message.is_ephemeral,
        "edited_ts": message.edited_ts,
    }


def _show_view(view: View, names: Mapping[str, str]) -> Json:
    return {
        "id": view.id,
        "user": names[view.user],
        "type": view.definition["type"],
        "callback_id": view.definition.get("callback_id", ""),
        "blocks": view.definition["blocks"],
        **{part: view.definition[part] for part in ("title", "submit", "close") if part in view.definition},
        "hash": view.hash,
        "rendered": render_view(view, names),
    }
