"""The payloads that Slack sends to an app, as its documentation and its samples show them."""

from bot.sandbox.slack.model import Json, Message, User, View
from bot.sandbox.slack.shapes import message_shape, user_shape, view_shape, view_values
from bot.sandbox.slack.workspace import Workspace

VERIFICATION_TOKEN = "sandbox-verification-token"  # noqa: S105 - deprecated by Slack, secret to nobody


def command_fields(workspace: Workspace, user: User, command: str, text: str, channel: str) -> dict[str, str]:
    """https://docs.slack.dev/interactivity/implementing-slash-commands"""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.state.team_id,
        "team_domain": workspace.state.team_domain,
        "channel_id": channel,
        "channel_name": "directmessage",
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": workspace.state.app_id,
        "is_enterprise_install": "false",
        "response_url": workspace.new_response_url(user, channel),
        "trigger_id": workspace.new_trigger(user),
    }


def message_click(workspace: Workspace, user: User, message: Message, action: Json) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload"""
    payload = _interaction(workspace, user, "block_actions") | {
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": message.is_ephemeral,
        },
        "trigger_id": workspace.new_trigger(user),
        "channel": {"id": message.channel, "name": "directmessage"},
        "state": {"values": view_values(message.blocks, message.choices)},
        "response_url": workspace.new_response_url(user, message.channel, message.ts),
        "actions": [action],
    }
    # Slack does not show the app an ephemeral message again.
    if not message.is_ephemeral:
        payload["message"] = message_shape(workspace, message, with_metadata=True)
    return payload


def view_click(workspace: Workspace, user: User, view: View, action: Json) -> Json:
    """The same for a click in a modal or on the Home tab."""
    return _interaction(workspace, user, "block_actions") | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": workspace.new_trigger(user, view.id),
        "view": view_shape(workspace, view),
        "actions": [action],
    }


def view_submission(workspace: Workspace, user: User, view: View) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload"""
    return _interaction(workspace, user, "view_submission") | {
        "trigger_id": workspace.new_trigger(user, view.id),
        "view": view_shape(workspace, view),
        "response_urls": [],
    }


def view_closed(workspace: Workspace, user: User, view: View, is_cleared: bool) -> Json:
    return _interaction(workspace, user, "view_closed") | {
        "view": view_shape(workspace, view),
        "is_cleared": is_cleared,
    }


def global_shortcut(workspace: Workspace, user: User, callback_id: str) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload"""
    return _interaction(workspace, user, "shortcut") | {
        "callback_id": callback_id,
        "trigger_id": workspace.new_trigger(user),
        "action_ts": workspace.new_ts(),
    }


def message_shortcut(workspace: Workspace, user: User, callback_id: str, message: Message) -> Json:
    return _interaction(workspace, user, "message_action") | {
        "callback_id": callback_id,
        "trigger_id": workspace.new_trigger(user),
        "action_ts": workspace.new_ts(),
        "channel": {"id": message.channel, "name": "directmessage"},
        "message_ts": message.ts,
        "message": message_shape(workspace, message, with_metadata=True),
        "response_url": workspace.new_response_url(user, message.channel, message.ts),
    }


def _interaction(workspace: Workspace, user: User, kind: str) -> Json:
    return {
        "type": kind,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": workspace.state.team_id,
        },
        "api_app_id": workspace.state.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": workspace.state.team_id, "domain": workspace.state.team_domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def event(workspace: Workspace, inner: Json) -> Json:
    """https://docs.slack.dev/apis/events-api#callback-field"""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.state.team_id,
        "api_app_id": workspace.state.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": f"Ev{workspace.number():09d}",
        "event_time": int(workspace.now().timestamp()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.state.team_id,
                "user_id": workspace.state.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-sandbox-{workspace.number()}",
    }


def message_event(workspace: Workspace, message: Message) -> Json:
    """A message in the DM. Slack sends the bot its own messages as well."""
    return event(
        workspace,
        message_shape(workspace, message)
        | {"channel": message.channel, "channel_type": "im", "event_ts": message.ts},
    )


def home_event(workspace: Workspace, user: User) -> Json:
    inner: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": workspace.dm_with(user),
        "tab": "home",
        "event_ts": workspace.new_ts(),
    }
    if (view := workspace.home_of(user.id)) is not None:
        inner["view"] = view_shape(workspace, view)
    return event(workspace, inner)


def user_event(workspace: Workspace, user: User) -> Json:
    now = int(workspace.now().timestamp())
    inner = {"type": "user_change", "user": user_shape(workspace, user), "cache_ts": now}
    return event(workspace, inner | {"event_ts": workspace.new_ts()})


def uninstalled_event(workspace: Workspace) -> Json:
    return event(workspace, {"type": "app_uninstalled"})


def revoked_event(workspace: Workspace) -> Json:
    tokens = {"oauth": [], "bot": [workspace.state.bot_user_id]}
    return event(workspace, {"type": "tokens_revoked", "tokens": tokens})
