"""A DM that Slack refuses: it is tried again later, in a channel opened anew, or not for this person."""

from collections import deque
from datetime import datetime, timedelta

import pytest

from bot.flows.outbox import edit, post, reconcile
from bot.people.model import Person
from bot.people.store import set_dm_channel
from bot.reminders.model import Message, MessageState
from bot.reminders.store import begin_sending
from bot.slack.errors import SlackOutcomeUnknownError, SlackRefusedError
from bot.slack.messages import Rendered
from jobq import Database, Postpone
from tests.actions.world import World, found_world

RENDERED = Rendered(text="", blocks=())
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)


class RefusingSlack:
    """Answers each call with the next of `errors`; without one, it does as it is asked."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = deque(errors)
        self.calls: list[str] = []
        self.looked_since: datetime | None = None

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.errors:
            raise self.errors.popleft()

    async def open_dm(self, slack_user_id: str) -> str:
        self.calls.append("open")
        return "DNEW"

    async def post_dm(self, channel: str, rendered: Rendered, metadata_key: str) -> str:
        self._answer(f"post in {channel}")
        return "1.1"

    async def edit_dm(self, channel: str, ts: str, rendered: Rendered) -> None:
        self._answer(f"edit in {channel}")

    async def find_posted(self, channel: str, metadata_key: str, since: datetime) -> str | None:
        self.looked_since = since
        self._answer(f"look in {channel}")
        return "1.1"


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)


async def begin(world: World) -> tuple[Person, int]:
    """A DM to Ana that is being sent; her channel is known from before."""
    ana = await world.person("ana")
    await set_dm_channel(ana.id, "DOLD")
    request = await world.request(await world.ask("ana"))
    message_id = await begin_sending(request, 0, ana.id, world.now)
    return ana.model_copy(update={"dm_channel": "DOLD"}), message_id


async def state_of(world: World, message_id: int) -> str | None:
    state: str | None = await world.db.fetchval("SELECT state FROM message WHERE id = $1", message_id)
    return state


@pytest.mark.parametrize(
    "code",
    [
        "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
        "messages_tab_disabled", "ekm_access_denied", "team_access_not_granted", "no_permission",
        "restricted_action", "org_login_required", "access_denied", "a_code_of_next_year",
    ],
)  # fmt: skip
async def test_a_refusal_that_may_pass_lets_the_dm_be_sent_later(world: World, code: str) -> None:
    ana, message_id = await begin(world)
    with pytest.raises(Postpone) as refused:
        await post(
            message_id, ana, RENDERED, "", slack=RefusingSlack(SlackRefusedError(code)), clock=world.clock
        )
    assert MINUTE <= refused.value.until - world.now <= QUARTER
    assert await state_of(world, message_id) is None


@pytest.mark.parametrize("code", ["user_not_found", "user_disabled", "cannot_dm_bot", "msg_too_long"])
async def test_a_refusal_that_is_final_is_recorded(world: World, code: str) -> None:
    ana, message_id = await begin(world)
    await post(message_id, ana, RENDERED, "", slack=RefusingSlack(SlackRefusedError(code)), clock=world.clock)
    assert await state_of(world, message_id) == MessageState.FAILED


async def test_a_stale_channel_is_opened_anew_and_kept(world: World) -> None:
    ana, message_id = await begin(world)
    slack = RefusingSlack(SlackRefusedError("channel_not_found"))
    await post(message_id, ana, RENDERED, "", slack=slack, clock=world.clock)
    assert slack.calls == ["post in DOLD", "open", "post in DNEW"]
    assert await state_of(world, message_id) == MessageState.SENT
    assert (await world.person("ana")).dm_channel == "DNEW"


async def test_a_channel_is_opened_anew_only_once(world: World) -> None:
    ana, message_id = await begin(world)
    slack = RefusingSlack(SlackRefusedError("channel_not_found"), SlackRefusedError("channel_not_found"))
    with pytest.raises(Postpone):
        await post(message_id, ana, RENDERED, "", slack=slack, clock=world.clock)
    assert slack.calls == ["post in DOLD", "open", "post in DNEW"]


def sent(world: World, message_id: int) -> Message:
    return Message(
        id=message_id, sequence=0, state=MessageState.SENT, sending_at=world.now,
        sending_started_at=world.now, sent_at=world.now, channel="DOLD", ts="1.1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        SlackRefusedError("invalid_auth"),
        SlackRefusedError("missing_scope"),
        SlackOutcomeUnknownError("HTTP 503"),
    ],
    ids=str,
)
async def test_an_edit_that_may_succeed_later_is_tried_less_and_less_often(
    world: World, error: Exception
) -> None:
    _, message_id = await begin(world)
    message = sent(world, message_id)
    waits, slack = [], RefusingSlack(*[error] * 5)
    for _ in range(5):
        with pytest.raises(Postpone) as refused:
            await edit(message, RENDERED, slack=slack, clock=world.clock)
        waits.append(refused.value.until - world.now)
    assert waits[0] < waits[-1] <= QUARTER
    assert await edit(message, RENDERED, slack=slack, clock=world.clock) is None


async def test_an_edit_of_a_deleted_message_is_not_tried_again(world: World) -> None:
    _, message_id = await begin(world)
    slack = RefusingSlack(SlackRefusedError("message_not_found"))
    assert (
        await edit(sent(world, message_id), RENDERED, slack=slack, clock=world.clock) == "message_not_found"
    )


async def lost_a_minute_ago(world: World, message_id: int, ahead: timedelta) -> Message:
    """The application's clock may have been `ahead` when the DM was sent."""
    await world.db.execute("UPDATE message SET sending_on = now() - interval '1 minute'")
    started_at = await world.db.fetchval("SELECT sending_on FROM message WHERE id = $1", message_id)
    return sent(world, message_id).model_copy(
        update={
            "state": MessageState.UNKNOWN,
            "sending_at": started_at + ahead,
            "sending_started_at": started_at,
        }
    )


async def test_a_lost_dm_whose_history_may_not_be_read_is_looked_up_later(world: World) -> None:
    ana, message_id = await begin(world)
    message = await lost_a_minute_ago(world, message_id, timedelta(0))
    slack = RefusingSlack(SlackRefusedError("missing_scope"))
    with pytest.raises(Postpone):
        await reconcile(message, ana, slack=slack, clock=world.clock)
    await reconcile(message, ana, slack=slack, clock=world.clock)
    assert await state_of(world, message_id) == MessageState.SENT


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(minutes=10), timedelta(minutes=-30)])
async def test_a_lost_dm_is_found_although_a_clock_is_wrong(world: World, ahead: timedelta) -> None:
    ana, message_id = await begin(world)
    message = await lost_a_minute_ago(world, message_id, ahead)
    slack = RefusingSlack()
    await reconcile(message, ana, slack=slack, clock=world.clock)
    assert slack.looked_since is not None
    assert slack.looked_since < min(message.sending_started_at, message.sending_at)


@pytest.mark.parametrize("minutes", [-600, -10, 10, 600])
async def test_a_lost_dm_is_found_although_both_clocks_are_wrong(world: World, minutes: int) -> None:
    ana, message_id = await begin(world)
    await world.db.execute("UPDATE message SET sending_on = now() - interval '1 minute'")
    slack_got_it_at = await world.db.fetchval("SELECT sending_on FROM message WHERE id = $1", message_id)
    message = sent(world, message_id).model_copy(
        update={
            "state": MessageState.UNKNOWN,
            "sending_at": slack_got_it_at + timedelta(minutes=minutes),
            "sending_started_at": slack_got_it_at + timedelta(minutes=minutes),
        }
    )
    slack = RefusingSlack()
    await reconcile(message, ana, slack=slack, clock=world.clock)
    assert slack.looked_since is not None
    assert slack.looked_since < slack_got_it_at
