from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.slack.gateway import SlackGateway
from bot.web.server import serving
from jobq import Database
from tests.actions.world import found_world
from tests.slack.room import Room
from tests.slack.script import Script, ok


@pytest.fixture
async def room(db: Database) -> AsyncIterator[Room]:
    world, script = await found_world(db), Script(ok(ts="1.1", view={"id": "V1"}, user={"id": "UANA"}))
    async with serving(script.web()) as slack_url:
        slack = SlackGateway(SecretStr("xoxb-test"), f"{slack_url}/", now=world.clock.now)
        with db.ambient():
            room = Room(world, script, slack_url, slack)
            await room.serve_anew()
            yield room
        await slack.close()
