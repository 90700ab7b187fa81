"""The bot's Slack side against the local Slack, over HTTP: strict blocks, real clicks, lost replies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from quart import Quart

from bot.model import AccountId, RequestId
from bot.people.store import load_person, map_account, upsert_person
from bot.reminders.model import Card, Look
from bot.sandbox.slack.model import Fault, Message
from bot.sandbox.slack.routes import slack_blueprint as sandbox_blueprint
from bot.sandbox.slack.world import SlackWorld
from bot.slack.bolt import SlackApp
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.gateway import SlackGateway
from bot.slack.messages import render_card
from bot.web.server import serving
from bot.web.slack import slack_blueprint
from jobq import Database, Postpone
from tests.actions.world import World, found_world
from tests.factories import MONDAY
from tests.slack.room import make_slack_app

TOKEN, SECRET = SecretStr("xoxb-sandbox"), SecretStr("shhh")
ANA, CHO = "U0ANA00001", "U0CHO00001"


@dataclass
class Room:
    world: World
    slack: SlackWorld
    gateway: SlackGateway
    bot: SlackApp

    async def send_card(self, request: RequestId, key: str = "message:1", **changes: Any) -> str:
        card = Card(
            request_id=request,
            look=Look.LIVE,
            sequence=0,
            repository="acme/api",
            number=12,
            title="Round half to even <!here> @ana www.evil.example",
            url="https://github.example/acme/api/pull/12",
            author="ben",
            additions=120,
            deletions=8,
            turn="ben asked for your review",
        ).model_copy(update=changes)
        channel = await self.gateway.open_dm(ANA)
        return await self.gateway.post_dm(channel, render_card(card, timedelta(hours=3)), key)

    def seen(self) -> list[Message]:
        return [m for m in self.slack.messages_to("ana") if m.author == self.slack.state.bot_user_id]

    def read(self) -> list[str]:
        """The texts of Ana's DMs, oldest first."""
        return [self.slack.rendered_text(message) for message in self.seen()]

    async def settled(self) -> None:
        await self.bot.finish()


@pytest.fixture
async def room(db: Database) -> AsyncIterator[Room]:
    world = await found_world(db)
    for account, slack_user_id in ((1, ANA), (3, CHO)):
        person = await upsert_person(world.workspace_id, slack_user_id, slack_user_id, "Europe/Berlin")
        await map_account(world.workspace_id, AccountId(account), f"{slack_user_id}-gh", person)
    slack = SlackWorld(world.clock.now, TOKEN, SECRET, "http://unknown")
    sandbox, bot = Quart("sandbox"), Quart("bot")
    sandbox.register_blueprint(sandbox_blueprint(slack))
    async with serving(sandbox) as slack_url:
        gateway = SlackGateway(TOKEN, f"{slack_url}/api/", now=world.clock.now, timeout=1.0)
        app = await make_slack_app(world, gateway, slack.state.team_id)
        bot.register_blueprint(slack_blueprint(app, SECRET))
        async with serving(bot) as bot_url:
            slack.sender.bot_url, slack.base_url = bot_url, slack_url
            yield Room(world, slack, gateway, app)
            await app.finish()
        await gateway.close()
        await slack.close()


async def test_a_dm_pings_nobody_and_links_only_to_its_pull_request(room: Room) -> None:
    await room.send_card(await room.world.ask("ana"))
    [message] = room.seen()
    assert room.slack.mentions_in(message) == []
    assert [link.url for link in room.slack.links_in(message)] == ["https://github.example/acme/api/pull/12"]


@pytest.mark.parametrize("look", list(Look))
async def test_slack_takes_every_look_of_a_dm(room: Room, look: Look) -> None:
    request = await room.world.ask("ana")
    ts = await room.send_card(request, look=look, note="Back in draft.", is_first_ever=True)
    assert room.seen()[0].ts == ts


async def test_a_dm_that_ends_is_struck_where_it_stands(room: Room) -> None:
    ts = await room.send_card(await room.world.ask("ana"))
    channel = await room.gateway.open_dm(ANA)
    over = Card(
        request_id=RequestId(1), look=Look.OVER, sequence=0, repository="acme/api", number=12, title="Round",
        url="https://github.example/1", author="ben", additions=1, deletions=1, turn="",
    )  # fmt: skip
    await room.gateway.edit_dm(channel, ts, render_card(over, timedelta(0)))
    [message] = room.seen()
    assert "~<https://github.example/1|Round>~" in str(message.blocks)
    assert await room.gateway.find_posted(channel, "message:1", MONDAY - timedelta(minutes=5)) == ts


async def test_every_button_of_a_dm_works(room: Room) -> None:
    request = await room.world.ask("ana")
    ts = await room.send_card(request)
    assert (await room.slack.click("ana", ts, "open")).is_ok
    assert (await room.slack.click("ana", ts, "why")).is_ok
    assert (await room.slack.click("ana", ts, "snooze", f"{request}:tomorrow")).is_ok
    assert (await room.slack.click("ana", ts, "mute")).is_ok
    await room.settled()
    changed = await room.world.request(request)
    assert changed.is_muted
    assert changed.snoozed_until == MONDAY + timedelta(hours=23)
    why, snoozed, muted = sorted(room.read()[1:], key=lambda text: "Snoozed" in text or 2 * ("Muted" in text))
    assert "asked you on GitHub" in why
    assert "Snoozed until Tue 24 Nov, 09:00" in snoozed
    assert "Muted: no more reminders" in muted


async def test_undo_replaces_the_answer_it_was_pressed_in(room: Room) -> None:
    request = await room.world.ask("ana")
    await room.slack.click("ana", await room.send_card(request), "mute")
    await room.settled()
    answer = room.seen()[-1]
    await room.slack.click("ana", answer.ts, "undo")
    await room.settled()
    assert not (await room.world.request(request)).is_muted
    assert "Undone." in room.read()[-1]
    assert len(room.seen()) == 2


async def test_a_command_is_answered_at_once_with_an_undo(room: Room) -> None:
    reply = await room.slack.run_command("ana", "/snooze", "2h")
    assert reply.is_ok
    assert "Snoozed until Mon 23 Nov, 12:00 (Europe/Berlin)" in room.read()[-1]
    assert (await room.slack.click("ana", reply.message_ts or "", "undo")).is_ok
    await room.settled()
    assert "Undone." in room.read()[-1]


async def test_the_queue_is_a_message_that_slack_takes(room: Room) -> None:
    for number in range(1, 15):
        await room.world.ask("ana", number, title=f"<!channel> *{number}* _x_")
    assert (await room.slack.run_command("ana", "/reviews")).message_ts is not None
    assert "Your turn" in room.read()[-1]
    assert room.slack.mentions_in(room.seen()[-1]) == []


async def test_a_form_opens_is_filled_in_and_done(room: Room) -> None:
    await room.slack.run_command("ana", "/ooo")
    await room.settled()
    [view] = room.slack.modals_of(ANA)
    wrong = await room.slack.submit_view("ana", view, {"first_day": "2026-11-27", "last_day": "2026-11-24"})
    assert wrong.errors == {"last_day": "The last day is before the first."}
    done = await room.slack.submit_view("ana", view, {"first_day": "2026-11-24", "last_day": "2026-11-27"})
    assert done.is_ok
    assert done.errors == {}
    [view] = room.slack.modals_of(ANA)
    assert "Out Tue 24 - Fri 27 Nov. Back on Mon 30 Nov." in room.slack.rendered_view(view)
    await room.slack.click_in_view("ana", view, "undo")
    await room.settled()
    assert "Undone." in room.slack.rendered_view(room.slack.modals_of(ANA)[0])
    assert [a.ends_at for a in (await load_person(await person_id(room))).absences] == []


async def person_id(room: Room) -> Any:
    return await room.world.db.fetchval("SELECT id FROM person WHERE slack_user_id = $1", ANA)


async def test_the_snooze_form_is_one_that_slack_takes(room: Room) -> None:
    await room.slack.run_command("ana", "/snooze")
    await room.settled()
    [view] = room.slack.modals_of(ANA)
    assert (await room.slack.submit_view("ana", view, {"how_long": "next_week"})).errors == {}
    person = await load_person(await person_id(room))
    assert person.snoozed_until == MONDAY + timedelta(days=6, hours=23)


async def test_a_dm_to_the_bot_is_answered_once(room: Room) -> None:
    reply = await room.slack.send_dm("ana", "snooze 2h")
    await room.slack.send_again(reply)
    await room.slack.send_again(reply, 2)
    await room.settled()
    [answer] = room.read()
    assert "Snoozed until Mon 23 Nov, 12:00" in answer
    assert (await room.slack.echo(room.seen()[0].ts)).is_ok
    await room.settled()
    assert len(room.seen()) == 1


async def test_home_shows_the_queue_and_unmutes(room: Room) -> None:
    request = await room.world.ask("ana")
    await room.slack.click("ana", await room.send_card(request), "mute")
    await room.slack.open_home("ana")
    await room.settled()
    home = room.slack.home_of(ANA)
    assert home is not None
    assert "muted" in room.slack.rendered_view(home)
    await room.slack.click_in_view("ana", home, "unmute")
    await room.settled()
    assert not (await room.world.request(request)).is_muted
    home = room.slack.home_of(ANA)
    assert home is not None
    assert "Your turn" in room.slack.rendered_view(home)


async def test_an_unlinked_person_reads_how_to_link(room: Room) -> None:
    await room.slack.run_command("dev", "/snooze", "2h")
    await room.slack.open_home("dev")
    await room.settled()
    home = room.slack.home_of("U0DEV00001")
    assert home is not None
    assert "ripe people import" in room.slack.rendered_view(home)


async def test_a_new_zone_and_a_deactivation_are_taken_over(room: Room) -> None:
    await room.slack.change_user("ana", tz="America/New_York")
    assert (await load_person(await person_id(room))).zone == "America/New_York"
    await room.slack.change_user("ana", deleted=True)
    assert not (await load_person(await person_id(room))).is_active


async def test_the_end_of_an_installation_is_heard(room: Room) -> None:
    assert [reply.status for reply in await room.slack.uninstall()] == [200, 200]


async def test_slack_may_check_our_address(room: Room) -> None:
    assert "c0ffee" in (await room.slack.verify_url("c0ffee")).body


@pytest.mark.parametrize("kind", ["cut", "hang", "error"])
async def test_a_dm_whose_reply_was_lost_is_found_by_its_key(room: Room, kind: Any) -> None:
    request = await room.world.ask("ana")
    channel = await room.gateway.open_dm(ANA)
    room.slack.faults.add(Fault(method="chat.postMessage", kind=kind, moment="after"))
    with pytest.raises(SlackOutcomeUnknownError):
        await room.send_card(request, key="message:7")
    [message] = room.seen()
    since = MONDAY - timedelta(minutes=5)
    assert await room.gateway.find_posted(channel, "message:7", since) == message.ts
    assert await room.gateway.find_posted(channel, "message:8", since) is None


async def test_too_many_calls_are_postponed_and_nothing_was_posted(room: Room) -> None:
    request = await room.world.ask("ana")
    await room.gateway.open_dm(ANA)
    room.slack.faults.add(Fault(method="chat.postMessage", kind="ratelimited", retry_after=17))
    with pytest.raises(Postpone) as postponed:
        await room.send_card(request)
    assert postponed.value.until == MONDAY + timedelta(seconds=17)
    assert room.seen() == []


async def test_a_refusal_has_its_own_error(room: Room) -> None:
    with pytest.raises(SlackRefusedError, match="channel_not_found"):
        await room.gateway.edit_dm("D0UNKNOWN", "1.1", render_card_of_nothing())


def render_card_of_nothing() -> Any:
    card = Card(
        request_id=RequestId(1), look=Look.OLDER, sequence=0, repository="a/b", number=1, title="t",
        url="https://github.example/1", author="a", additions=None, deletions=None, turn="",
    )  # fmt: skip
    return render_card(card, timedelta(0))


async def test_people_are_found_by_id_and_by_address(room: Room) -> None:
    user = await room.gateway.find_user_by_email("ana@acme.example")
    assert user is not None
    assert (user.id, user.zone, user.is_bot, user.is_guest) == (ANA, "Europe/Berlin", False, False)
    assert await room.gateway.find_user(ANA) == user
    assert await room.gateway.find_user_by_email("nobody@acme.example") is None


async def test_many_presses_at_once_are_each_served(room: Room) -> None:
    request = await room.world.ask("ana")
    ts = await room.send_card(request)
    replies = await asyncio.gather(
        *(room.slack.click("ana", ts, "snooze", f"{request}:hour") for _ in range(12))
    )
    assert all(reply.is_ok for reply in replies)
    await room.settled()
    assert len(room.seen()) == 13
