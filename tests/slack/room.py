"""A bot with its Slack side up, and a person's hands on it."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr
from quart import Quart
from quart.typing import TestClientProtocol as Client
from slack_bolt.app.async_app import AsyncApp

from bot.slack.bolt import create_bolt
from bot.slack.listeners import Listeners
from bot.web.slack import slack_blueprint
from jobq import utc_now
from tests.actions.world import World
from tests.slack.script import Script

SECRET = "shhh"
FORM = "application/x-www-form-urlencoded"


class OneDesk:
    """Serves every team alike."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners, self._bolt = listeners, create_bolt(listeners)

    async def find_bolt(self, team_id: str) -> AsyncApp | None:
        return self._bolt

    async def finish(self) -> None:
        await self._listeners.finish()


def serve(listeners: Listeners) -> Client:
    """A client of `POST /slack/events`."""
    web = Quart("test")
    web.register_blueprint(slack_blueprint(OneDesk(listeners), SecretStr(SECRET)))
    return web.test_client()


@dataclass
class Room:
    """A bot with its Slack, and a person's hands."""

    world: World
    script: Script
    slack_url: str
    client: Client
    listeners: Listeners

    def serve_anew(self) -> None:
        """As a process does that starts now."""
        self.client = serve(self.listeners)

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
        await self.listeners.finish()
        text = (await answer.get_data(as_text=True)) or "{}"
        is_json = str(text).startswith("{")
        return answer.status_code, json.loads(text) if is_json else text

    async def command(self, words: str, user: str = "UANA", trigger: str = "1.1") -> tuple[int, Any]:
        command, _, text = words.partition(" ")
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
        """How many things people did."""
        counted: int = await self.world.db.fetchval("SELECT count(*) FROM action")
        return counted
