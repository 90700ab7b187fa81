"""The shape of the two manifests: what GitHub and Slack refuse, and what must not be asked for."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.doctor.github import FOR_ASSIGNING, NEEDED, NEEDED_EVENTS
from bot.sandbox.github.manifest_routes import Manifest
from bot.sandbox.slack.workspace import SCOPES
from bot.web.setup.manifests import (
    LONGEST_GITHUB_NAME,
    github_manifest,
    slack_link,
    slack_manifest,
    socket_manifest,
)
from bot.web.setup.profiles import OPTIONS, PROFILES, describe_permissions, events_of, permissions_of

PUBLIC, OWN = "https://ripe.example.com", "http://127.0.0.1:8080"
EVERY_CHOICE = [
    (profile, options) for profile in PROFILES for options in ((), ("ci",), ("comments",), tuple(OPTIONS))
]
URLS = re.compile(r"https?://[^\"]+")


@pytest.mark.parametrize(("profile", "options"), EVERY_CHOICE)
def test_github_accepts_every_choice(profile: str, options: tuple[str, ...]) -> None:
    manifest = github_manifest(PUBLIC, OWN, "acme", profile, options)
    assert Manifest.model_validate(manifest).problems() == []


@pytest.mark.parametrize(("profile", "options"), EVERY_CHOICE)
def test_no_choice_asks_for_code_or_for_events_that_github_refuses(
    profile: str, options: tuple[str, ...]
) -> None:
    permissions, events = permissions_of(profile, options), events_of(profile, options)
    assert not {"contents", "administration", "workflows", "secrets"} & permissions.keys()
    assert not [event for event in events if event.startswith("installation")]
    assert [level for name, level in permissions.items() if level != "read"] == (
        ["write"] if profile == "assign" else []
    )
    assert {name for name, _, meaning in describe_permissions(permissions) if meaning} == permissions.keys()


def test_the_profiles_are_those_that_the_doctor_expects() -> None:
    assert permissions_of("notify", ()) == NEEDED
    assert permissions_of("assign", ()) == NEEDED | FOR_ASSIGNING
    for profile in PROFILES:
        assert {*NEEDED_EVENTS} <= {*events_of(profile, ())}


def test_the_app_is_private_and_its_addresses_are_where_each_side_reaches_us() -> None:
    manifest = github_manifest(PUBLIC, OWN, "acme", "assign", ())
    assert manifest["public"] is False
    assert manifest["hook_attributes"] == {"url": f"{PUBLIC}/github/webhooks", "active": True}
    assert manifest["redirect_url"] == f"{OWN}/setup/github/callback"
    assert manifest["setup_url"] == f"{PUBLIC}/github/setup"


def test_an_app_without_a_public_address_has_no_webhook_and_is_made_all_the_same() -> None:
    manifest = github_manifest(None, OWN, "acme", "assign", ())
    assert Manifest.model_validate(manifest).problems() == []
    assert not {"hook_attributes", "default_events", "setup_url", "callback_urls"} & manifest.keys()
    assert manifest["redirect_url"] == f"{OWN}/setup/github/callback"


@pytest.mark.parametrize("owner", ["", "acme", "a" * 39])
def test_the_apps_name_is_short_enough_for_github(owner: str) -> None:
    name = github_manifest(PUBLIC, OWN, owner, "assign", ())["name"]
    assert 0 < len(name) <= LONGEST_GITHUB_NAME


def test_slack_gets_four_commands_that_escape_names() -> None:
    commands = slack_manifest(PUBLIC)["features"]["slash_commands"]
    assert [command["command"] for command in commands] == ["/snooze", "/ooo", "/reviews", "/ripe"]
    for command in commands:
        assert command["should_escape"] is True
        assert command.keys() == {"command", "url", "description", "usage_hint", "should_escape"}


def test_people_may_write_to_the_bot_and_have_a_home_tab() -> None:
    assert slack_manifest(PUBLIC)["features"]["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }


def test_slack_is_asked_for_the_documented_scopes_and_events_and_no_more() -> None:
    manifest = slack_manifest(PUBLIC)
    assert manifest["oauth_config"]["scopes"] == {
        "bot": ["chat:write", "commands", "im:history", "im:write", "users:read", "users:read.email"]
    }
    assert {*manifest["oauth_config"]["scopes"]["bot"]} == SCOPES
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == [
        "app_home_opened", "app_uninstalled", "message.im", "tokens_revoked", "user_change",
    ]  # fmt: skip


def test_everything_that_slack_calls_is_one_address() -> None:
    urls = URLS.findall(json.dumps(slack_manifest(PUBLIC)))
    assert {*urls} == {f"{PUBLIC}/slack/events", f"{PUBLIC}/slack/oauth_redirect"}


def test_the_slack_manifest_keeps_to_slacks_lengths_and_keys() -> None:
    manifest = slack_manifest(PUBLIC)
    assert manifest.keys() == {"display_information", "features", "oauth_config", "settings"}
    about = manifest["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert re.fullmatch(r"#[0-9a-f]{6}", about["background_color"])
    for command in manifest["features"]["slash_commands"]:
        assert len(command["command"]) <= 32
        assert len(command["usage_hint"]) <= 1000
    assert manifest["settings"]["interactivity"]["is_enabled"] is True
    assert manifest["settings"]["socket_mode_enabled"] is False


@pytest.mark.parametrize("public_url", [PUBLIC, None])
def test_in_socket_mode_nothing_that_slack_calls_has_an_address(public_url: str | None) -> None:
    manifest = socket_manifest(public_url)
    assert manifest["settings"]["socket_mode_enabled"] is True
    expected = set() if public_url is None else {f"{PUBLIC}/slack/oauth_redirect"}
    assert {*URLS.findall(json.dumps(manifest))} == expected


def test_but_for_addresses_the_app_is_the_same_in_socket_mode() -> None:
    over_http = json.loads(json.dumps(slack_manifest(PUBLIC)).replace(f"{PUBLIC}/slack/events", ""))
    for part in (*over_http["features"]["slash_commands"], *over_http["settings"].values()):
        if isinstance(part, dict):
            part.pop("url", None)
            part.pop("request_url", None)
    over_http["settings"]["socket_mode_enabled"] = True
    assert socket_manifest(PUBLIC) == over_http


def test_the_link_carries_the_whole_manifest_and_fits_into_an_address_bar() -> None:
    link = slack_link(slack_manifest(PUBLIC))
    query = parse_qs(urlsplit(link).query)
    manifest: Any = json.loads(query["manifest_json"][0])
    assert manifest == slack_manifest(PUBLIC)
    assert query["new_app"] == ["1"]
    assert link.startswith("https://api.slack.com/apps?")
    assert len(link) < 8000
