"""The whole workspace as JSON, for people and tests who look at it from outside."""

from collections.abc import Mapping

from bot.sandbox.slack.model import Json, Message, View
from bot.sandbox.slack.render import render_message, render_view
from bot.sandbox.slack.workspace import Workspace

MOST_CALLS_SHOWN = 200


def show_world(world: Workspace, names: Mapping[str, str]) -> Json:
    return {
        "team_id": world.state.team_id,
        "users": [user.model_dump() for user in world.state.users.values()],
        "dms": [_show_dm(world, channel, names) for channel in world.state.channels],
        "views": [_show_view(view, names) for view in world.state.views.values()],
        "calls": [call.model_dump(mode="json") for call in [*world.calls][-MOST_CALLS_SHOWN:]],
    }


def _show_dm(world: Workspace, channel: str, names: Mapping[str, str]) -> Json:
    user_id = world.state.channels[channel]
    messages = [_show_message(message, names) for message in world.messages_to(user_id)]
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
