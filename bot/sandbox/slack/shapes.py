"""Users, messages and views as Slack writes them in answers and payloads."""

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.model import Json, Message, User, View
from bot.sandbox.slack.workspace import Workspace


def user_shape(workspace: Workspace, user: User) -> Json:
    offset = user.offset(workspace.now())
    return {
        "id": user.id,
        "team_id": user.team_id or workspace.state.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "color": "9f69e7",
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": offset,
        "profile": _profile_shape(workspace, user),
        "is_admin": user.is_admin,
        "is_owner": user.is_owner,
        "is_primary_owner": user.is_owner,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": user.updated,
        "is_email_confirmed": bool(user.email),
        "who_can_share_contact_card": "EVERYONE",
    }


def _profile_shape(workspace: Workspace, user: User) -> Json:
    first, _, last = user.real_name.partition(" ")
    profile: Json = {
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "first_name": first,
        "last_name": last,
        "title": "",
        "status_text": "",
        "status_emoji": "",
        "status_expiration": 0,
        "avatar_hash": "",
        "team": workspace.state.team_id,
    }
    if user.email and "users:read.email" in workspace.scopes:
        profile["email"] = user.email
    return profile


def message_shape(workspace: Workspace, message: Message, with_metadata: bool = False) -> Json:
    """A message. `with_metadata`: history leaves the metadata out unless it is asked for."""
    shape: Json = {
        "type": "message",
        "user": message.author,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.state.team_id,
    }
    if message.author == workspace.state.bot_user_id:
        shape |= {"bot_id": workspace.state.bot_id, "app_id": workspace.state.app_id}
    if message.blocks:
        shape["blocks"] = message.blocks
    if message.thread_ts:
        shape["thread_ts"] = message.thread_ts
    if message.edited_ts:
        shape["edited"] = {"user": message.author, "ts": message.edited_ts}
    if with_metadata and message.metadata:
        shape["metadata"] = message.metadata
    return shape


def view_shape(workspace: Workspace, view: View) -> Json:
    definition = view.definition
    return {
        "id": view.id,
        "team_id": workspace.state.team_id,
        "type": definition["type"],
        "blocks": definition["blocks"],
        "private_metadata": definition.get("private_metadata", ""),
        "callback_id": definition.get("callback_id", ""),
        "state": {"values": view_values(definition["blocks"], view.choices)},
        "hash": view.hash,
        "title": definition.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": definition.get("clear_on_close", False),
        "notify_on_close": definition.get("notify_on_close", False),
        "submit_disabled": definition.get("submit_disabled", False),
        "close": definition.get("close"),
        "submit": definition.get("submit"),
        "previous_view_id": view.previous_view_id,
        "root_view_id": view.root_view_id,
        "app_id": workspace.state.app_id,
        "external_id": definition.get("external_id", ""),
        "app_installed_team_id": workspace.state.team_id,
        "bot_id": workspace.state.bot_id,
    }


_EMPTY: dict[str, Json] = {
    "checkboxes": {"selected_options": []},
    "datepicker": {"selected_date": None},
    "datetimepicker": {"selected_date_time": None},
    "multi_static_select": {"selected_options": []},
    "plain_text_input": {"value": None},
    "radio_buttons": {"selected_option": None},
    "static_select": {"selected_option": None},
    "timepicker": {"selected_time": None},
}
_INITIAL = {
    "initial_date": "selected_date",
    "initial_date_time": "selected_date_time",
    "initial_option": "selected_option",
    "initial_options": "selected_options",
    "initial_time": "selected_time",
    "initial_value": "value",
}


def view_values(blocks: list[Json], choices: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
    """The input in each element that can hold a value: `values` of the state that Slack sends."""
    values: dict[str, dict[str, Json]] = {}
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in _EMPTY:
                chosen = choices.get(block["block_id"], {}).get(element["action_id"])
                kept = values.setdefault(block["block_id"], {})
                kept[element["action_id"]] = chosen or _untouched(element)
    return values


def _untouched(element: Json) -> Json:
    initial = {kept: element[name] for name, kept in _INITIAL.items() if name in element}
    return {"type": element["type"], **_EMPTY[element["type"]], **initial}
