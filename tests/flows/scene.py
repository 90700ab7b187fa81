"""A team in a real database, whose Slack is the sandbox over HTTP: to see which DMs arrive, and how often."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr
from quart import Quart

from bot.model import AccountId, PersonId, RequestId
from bot.people.model import Person
from bot.people.store import load_person, map_account, upsert_person
from bot.reminders.model import MessageState
from bot.sandbox.slack.model import Fault, Message
from bot.sandbox.slack.routes import slack_blueprint
from bot.sandbox.slack.world import SlackWorld
from bot.slack.gateway import SlackGateway
from bot.slack.messages import Rendered, section
from bot.web.server import serving
from jobq import Database, Discard, HandlerResult, Postpone
from tests.actions.world import ACCOUNTS, BERLIN, World, found_world

TOKEN = SecretStr("xoxb-sandbox")
MOST_RUNS = 10

BEFORE_SLACK = Fault(method="chat.postMessage", kind="cut", moment="before")
"""The connection ends before Slack has posted anything."""
AFTER_SLACK = Fault(method="chat.postMessage", kind="cut", moment="after")
"""Slack has posted the message, and its reply is lost."""
RATE_LIMIT = Fault(method="chat.postMessage", kind="ratelimited", retry_after=300)


@dataclass
class Scene:
    """Ana, Ben and Cho, as in World, with the DMs that they really got."""

    world: World
    slack: SlackWorld
    gateway: SlackGateway

    async def hire(self, name: str) -> PersonId:
        """Maps a person to their user in the sandbox's workspace."""
        slack_user_id = next(user.id for user in self.slack.state.users.values() if user.name == name)
        person_id = await upsert_person(self.world.workspace_id, slack_user_id, name, BERLIN)
        await map_account(self.world.workspace_id, AccountId(ACCOUNTS[name]), f"{name}-gh", person_id)
        return person_id

    async def ask(self, name: str) -> tuple[Person, RequestId]:
        """Asks a person for a review. Their first DM is due."""
        person_id = await self.hire(name)
        return await load_person(person_id), await self.world.ask(name)

    def deactivate(self, name: str) -> None:
        """From now on Slack refuses for good to open a DM with this person."""
        (user,) = (user for user in self.slack.state.users.values() if user.name == name)
        user.deleted = True

    def dms(self, name: str) -> list[Message]:
        """The DMs that a person got from the bot, oldest first."""
        bot_user_id = self.slack.state.bot_user_id
        return [message for message in self.slack.messages_to(name) if message.author == bot_user_id]

    async def post_as_the_dead_worker_did(self, person: Person, key: str) -> None:
        """Posts a DM whose arrival nobody has recorded."""
        channel = await self.gateway.open_dm(person.slack_user_id)
        await self.gateway.post_dm(channel, rendered("Posted by a worker that died"), key)

    async def pass_real_time(self) -> None:
        """A minute passes in which lost calls have either arrived or never will."""
        await self.world.db.execute("UPDATE message SET sending_on = sending_on - interval '1 minute'")

    async def state_of(self, message_id: int) -> MessageState | None:
        """None if the row is gone."""
        state = await self.world.db.fetchval("SELECT state FROM message WHERE id = $1", message_id)
        return None if state is None else MessageState(state)

    async def states(self) -> list[MessageState]:
        rows = await self.world.db.fetch("SELECT state FROM message ORDER BY id")
        return [MessageState(row["state"]) for row in rows]

    async def run_to_rest(self, run: Callable[[], Awaitable[HandlerResult]]) -> HandlerResult:
        """Runs a job as a worker would, until it is done or waits for more than what was lost."""
        for _ in range(MOST_RUNS):
            try:
                result = await run()
            except Postpone as later:
                self.world.clock.move(max(later.until - self.world.now, timedelta(0)))
                await self.pass_real_time()
                continue
            except Discard as discard:
                return discard
            if not isinstance(result, Postpone) or result.until > self.world.now:
                return result
        raise AssertionError("the job does not come to rest")


def rendered(text: str) -> Rendered:
    return Rendered(blocks=(section(text),), text=text)


@asynccontextmanager
async def dm_scene(db: Database) -> AsyncIterator[Scene]:
    world = await found_world(db)
    slack = SlackWorld(world.clock.now, TOKEN, SecretStr("signing secret"), "http://unknown")
    sandbox = Quart("sandbox")
    sandbox.register_blueprint(slack_blueprint(slack))
    async with serving(sandbox) as url:
        gateway = SlackGateway(TOKEN, f"{url}/api/", now=world.clock.now, timeout=1.0)
        try:
            yield Scene(world, slack, gateway)
        finally:
            await gateway.close()
            await slack.close()
