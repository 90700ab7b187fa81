"""The local Slack's payloads have the keys of Slack's own, recorded in tests/contracts/slack."""

import json
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl

import pytest

from bot.sandbox.slack.model import Message, Reply
from bot.sandbox.slack.world import SlackWorld
from tests.contracts.keys import Keys, differences, keys_of
from tests.sandbox.slack.conftest import actions, button, form, line, menu, section

CONTRACTS = Path(__file__).parent.parent.parent / "contracts" / "slack"

GRID = {"missing enterprise_id", "missing enterprise_name"}
"""Only in workspaces of an organization."""
TEAM_OF_GRID = {"missing team.enterprise_id", "missing team.enterprise_name"}
OLD = {"missing authed_users", "missing authed_teams"}
"""Deprecated: https://docs.slack.dev/changelog/2020-09-15-events-api-truncate-authed-users"""
OF_WORKFLOWS = {"missing bot_access_token", "missing function_data", "missing interactivity"}
"""Only where a workflow's step is at work."""

ALWAYS_IN_A_CLICK = {
    *("type", "user", "api_app_id", "token", "container", "trigger_id", "team", "enterprise"),
    *("is_enterprise_install", "channel", "message", "state", "response_url", "actions"),
}


@pytest.fixture
async def world(world: SlackWorld) -> SlackWorld:
    """Nobody hears what is sent; what counts is what it looks like."""
    world.base_url = "http://127.0.0.1:9/slack"
    world.sender.bot_url = "http://127.0.0.1:9"
    return world


def expected(sample: str) -> Keys:
    keys: Keys = json.loads((CONTRACTS / f"{sample}.json").read_text())
    return keys


def payload_of(reply: Reply) -> Keys:
    """The keys of what was sent: an event's JSON, an interaction's, or a command's form."""
    if reply.sent.content_type == "application/json":
        return keys_of(json.loads(reply.sent.body))
    fields = dict(parse_qsl(reply.sent.body, keep_blank_values=True))
    return keys_of(json.loads(fields["payload"]) if "payload" in fields else fields)


async def test_a_command(world: SlackWorld) -> None:
    sent = payload_of(await world.run_command("ana", "/snooze"))
    assert set(differences(expected("SlashCommandPayload"), sent)) == GRID


async def test_the_home_tab_is_opened(world: SlackWorld) -> None:
    world.add_view("U0ANA00001", {"type": "home", "blocks": [section("x")]})
    mismatches = set(differences(expected("AppHomeOpenedPayload"), payload_of(await world.open_home("ana"))))
    # The sample leaves blocks and values out, which are of many shapes.
    assert mismatches == OLD | {
        "missing enterprise_id",
        "unknown event.view.blocks",
        "unknown event.view.state.values",
    }


async def test_the_app_is_uninstalled(world: SlackWorld) -> None:
    uninstalled, revoked = await world.uninstall()
    for sample, reply in (("AppUninstalledPayload", uninstalled), ("TokensRevokedPayload", revoked)):
        assert set(differences(expected(sample), payload_of(reply))) == OLD | {"missing enterprise_id"}


async def test_a_form_is_submitted(world: SlackWorld) -> None:
    view = world.add_view("U0ANA00001", form(line("until")))
    mismatches = set(
        differences(
            expected("ViewSubmissionPayload"),
            payload_of(await world.submit_view("ana", view, {"until": "x"})),
        )
    )
    assert mismatches == TEAM_OF_GRID | OF_WORKFLOWS | {
        "missing is_cleared",  # of view_closed
        "unknown response_urls",  # newer than the sample
        "unknown view.blocks",
        "unknown view.state.values",
    }


async def test_a_click_has_what_slack_always_sends_and_nothing_else(world: SlackWorld) -> None:
    blocks = [section("x"), actions(button("Mute", "mute", style="danger"), menu("snooze", "hour"))]
    posted = Message(
        ts=world.new_ts(),
        channel=world.dm_with(world.user("ana")),
        author=world.state.bot_user_id,
        text="x",
        metadata={"event_type": "e", "event_payload": {"key": "7"}},
        blocks=blocks,
        thread_ts="1.000000",
    )
    world.add_message(posted)
    for action_id, value in (("mute", "1"), ("snooze", "hour")):
        sent = payload_of(await world.click("ana", posted.ts, action_id, value))
        assert sent is not None
        assert sent.keys() == ALWAYS_IN_A_CLICK
        # The blocks are the bot's own words; the sample's are of every kind there is.
        sent["message"]["blocks"] = None
        mismatches = differences(expected("BlockActionPayload"), sent)
        unknown = {line for line in mismatches if line.startswith("unknown")}
        assert unknown == {"unknown state.values", "unknown message.metadata.event_payload.key"}


async def test_a_command_carries_what_an_app_needs_to_answer(world: SlackWorld) -> None:
    fields = parse_qs((await world.run_command("ana", "/snooze", "2h")).sent.body)
    assert fields["response_url"][0].startswith("http://127.0.0.1:9/slack/response/")
    assert fields["trigger_id"][0] in world.state.triggers
