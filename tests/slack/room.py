"""The Slack side of a bot, and the requests that a person makes through Slack."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr
from quart import Quart
from quart.typing import TestClientProtocol as Client

from bot.actions.admin import AdminActions
from bot.actions.identity import Purpose
from bot.actions.person import PersonActions
from bot.model import UserError, WorkspaceId
from bot.modes import ModeSwitch
from bot.slack.bolt import SlackApp
from bot.slack.effect import DATABASE_WITHIN, OncePerRequest
from bot.slack.gateway import SlackGateway
from bot.slack.listeners import SlackListeners
from bot.slack.router import WorkspaceRouter
from bot.slack.workspaces import SlackWorkspaces
from bot.web.slack import slack_blueprint
from jobq import utc_now
from tests.actions.world import World
from tests.slack.script import Script

SECRET = "shhh"
FORM = "application/x-www-form-urlencoded"


async def no_invite(purpose: Purpose, workspace_id: WorkspaceId, slack_user_id: str) -> str:
    raise UserError("This bot has no pages.")


async def make_slack_app(
    world: World, slack: SlackGateway, team_id: str, within: float = DATABASE_WITHIN
) -> SlackApp:
    """The Slack side of a bot whose only workspace has this id in Slack."""
    await world.db.execute(
        "UPDATE workspace SET slack_team_id = $2 WHERE id = $1", world.workspace_id, team_id
    )
    workspaces = SlackWorkspaces(world.workspace_id, slack, None, lambda *_: slack)
    admins = AdminActions(world.workspace_id, ModeSwitch(), world.queue, world.clock.now)
    once = OncePerRequest(world.clock, within)
    actions = PersonActions(world.queue, world.clock, once, admins, no_invite)
    return SlackApp(WorkspaceRouter(workspaces, world.clock.now), SlackListeners(actions))


def serve(slack: SlackApp) -> Client:
    """A client of `POST /slack/events`."""
    web = Quart("test")
    web.register_blueprint(slack_blueprint(slack, SecretStr(SECRET)))
    return web.test_client()


class Room:
    """A bot that serves `/slack/events`, a scripted Slack, and a person who uses both."""

    def __init__(self, world: World, script: Script, slack_url: str, gateway: SlackGateway) -> None:
        self.world, self.script, self.slack_url = world, script, slack_url
        self._gateway = gateway

    async def serve_anew(self) -> None:
        """Starts the Slack side again, as a new process would."""
        self.slack = await make_slack_app(self.world, self._gateway, "T1", within=0.5)
        self.client = serve(self.slack)

    async def post(self, body: str, content_type: str = FORM, **headers: str) -> tuple[int, Any]:
        timestamp = str(int(utc_now().timestamp()))
        signed = f"v0:{timestamp}:{body}".encode()
        signature = "v0=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        sent = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature,
        }
        answer = await self.client.post("/slack/events", data=body.encode(), headers=sent | headers)
        await self.slack.finish()
        text = (await answer.get_data(as_text=True)) or "{}"
        is_json = str(text).startswith("{")
        return answer.status_code, json.loads(text) if is_json else text

    async def command(self, line: str, user: str = "UANA", trigger: str = "1.1") -> tuple[int, Any]:
        command, _, text = line.partition(" ")
        fields = {
            "command": command,
            "text": text,
            "user_id": user,
            "team_id": "T1",
            "trigger_id": trigger,
            "response_url": f"{self.slack_url}/respond",
            "channel_id": "D1",
        }
        return await self.post(urlencode(fields))

    async def interact(self, payload: Mapping[str, Any]) -> tuple[int, Any]:
        return await self.post(urlencode({"payload": json.dumps(payload)}))

    async def press(
        self, action: Mapping[str, Any], user: str = "UANA", trigger: str = "2.1", **more: Any
    ) -> tuple[int, Any]:
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "team": {"id": "T1"},
            "trigger_id": trigger,
            "response_url": f"{self.slack_url}/respond",
            "actions": [{"type": "button", "block_id": "b", **action}],
        }
        return await self.interact(payload | more)

    async def event(self, event: Mapping[str, Any], event_id: str = "Ev1") -> tuple[int, Any]:
        envelope = {
            "type": "event_callback",
            "team_id": "T1",
            "event_id": event_id,
            "event_time": int(utc_now().timestamp()),
            "event": event,
        }
        return await self.post(json.dumps(envelope), "application/json")

    async def actions(self) -> int:
        """The number of actions of all people."""
        counted: int = await self.world.db.fetchval("SELECT count(*) FROM action")
        return counted
