from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.actions.desk import Desk
from bot.slack.effect import Effects
from bot.slack.gateway import SlackGateway
from bot.slack.listeners import Listeners
from bot.web.server import serving
from jobq import Database
from tests.actions.world import found_world
from tests.slack.room import Room, serve
from tests.slack.script import Script, ok


@pytest.fixture
async def room(db: Database) -> AsyncIterator[Room]:
    world, script = await found_world(db), Script(ok(ts="1.1", view={"id": "V1"}))
    async with serving(script.web()) as slack_url:
        slack = SlackGateway(SecretStr("xoxb-test"), f"{slack_url}/", now=world.clock.now)
        effects = Effects(world.workspace_id, world.clock, within=0.5)
        desk = Desk(world.queue, world.clock, world.workspace_id, effects)
        listeners = Listeners(desk, slack)
        with db.ambient():
            yield Room(world, script, slack_url, serve(listeners), listeners)
        await effects.finish()
        await slack.close()
