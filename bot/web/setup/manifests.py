"""The documents that describe Ripe to GitHub and to Slack, and save people from filling in their forms."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from bot.slack.scopes import OPTIONAL_SCOPES, REQUIRED_SCOPES
from bot.web.setup.profiles import events_of, permissions_of

LONGEST_GITHUB_NAME = 34
SLACK_APPS = "https://api.slack.com/apps"
BOT_EVENTS = ("app_home_opened", "app_uninstalled", "message.im", "tokens_revoked", "user_change")

_COMMANDS = {
    "/snooze": ("Hold reminders back", "2h, until monday, off"),
    "/ooo": ("Say when you are out of office", "until friday, 3-14 aug, off"),
    "/reviews": ("See whose turn it is", "link, why acme/api#12, help"),
    "/ripe": ("All of it under one name", "snooze 2h, ooo until friday, reviews"),
}
_DESCRIPTION = (
    "Reminds the right reviewer at the right time, in their own working hours, until the review is done."
)


def github_manifest(
    public_url: str | None, own_url: str, owner: str, profile: str, options: Sequence[str]
) -> dict[str, Any]:
    """The App. GitHub reaches the bot at `public_url`, the person's browser reaches it at `own_url`.

    Without a public address the App has no webhook, and the bot polls GitHub.
    https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
    """
    address = public_url or own_url
    manifest = {
        # Names of Apps are unique on all of GitHub. Its page lets people change this one.
        "name": f"Ripe for {owner or urlsplit(address).hostname}"[:LONGEST_GITHUB_NAME],
        "description": _DESCRIPTION,
        "url": address,
        "public": False,
        "redirect_url": f"{own_url}/setup/github/callback",
        "default_permissions": permissions_of(profile, options),
    }
    if public_url is None:
        return manifest
    return manifest | {
        "hook_attributes": {"url": f"{public_url}/github/webhooks", "active": True},
        "callback_urls": [f"{public_url}/github/callback"],
        "setup_url": f"{public_url}/github/setup",
        "default_events": events_of(profile, options),
    }


def slack_manifest(public_url: str) -> dict[str, Any]:
    """The app over HTTP, where Slack posts to the bot: https://docs.slack.dev/reference/app-manifest."""
    url = f"{public_url}/slack/events"
    manifest = socket_manifest(public_url)
    for command in manifest["features"]["slash_commands"]:
        command["url"] = url
    settings = manifest["settings"]
    settings["event_subscriptions"]["request_url"] = url
    settings["interactivity"]["request_url"] = url
    settings["socket_mode_enabled"] = False
    return manifest


def socket_manifest(public_url: str | None) -> dict[str, Any]:
    """The app in Socket Mode. Only the browsers of people who install it use `public_url`."""
    redirects = {} if public_url is None else {"redirect_urls": [f"{public_url}/slack/oauth_redirect"]}
    return {
        "display_information": {"name": "Ripe", "description": _DESCRIPTION, "background_color": "#1f5f3a"},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "Ripe", "always_online": True},
            "slash_commands": [
                # Escaped: only then does Slack say which person a typed @name is.
                {"command": name, "description": description, "usage_hint": hint, "should_escape": True}
                for name, (description, hint) in _COMMANDS.items()
            ],
        },
        "oauth_config": {**redirects, "scopes": {"bot": sorted({*REQUIRED_SCOPES, *OPTIONAL_SCOPES})}},
        "settings": {
            "event_subscriptions": {"bot_events": list(BOT_EVENTS)},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def slack_link(manifest: Mapping[str, Any]) -> str:
    """The address of Slack's page for new apps, filled in with this manifest."""
    text = json.dumps(manifest, separators=(",", ":"))
    return f"{SLACK_APPS}?new_app=1&manifest_json={quote(text, safe='')}"
