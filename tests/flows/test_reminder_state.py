"""The state of a reminder: everything is in it, it is locked, and it is read after the locks."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from bot.assignment.config import RepositoryConfig
from bot.assignment.model import Chosen, Decision, Demand
from bot.assignment.store import insert_assignment, save_config
from bot.flows.reminder_state import LOAD, load_reminder_states
from bot.flows.visibility import put_on_hold
from bot.github.model import Account, Review, ReviewState
from bot.github.store import mark_installation
from bot.model import AccountId, InstallationId, RequestId
from bot.modes import Pause, begin_pause
from bot.people.model import Absence
from bot.people.store import cancel_absence, insert_absence, lock_person, map_account, set_zone
from bot.reminders.model import Message, MessageState, ReminderState, Send, Wait
from bot.reminders.rules import decide
from bot.reminders.store import begin_sending, record_sent, record_state
from bot.reviews.changes import save_reviews
from bot.reviews.store import list_requests, load_request
from jobq import Database
from tests.actions.world import World, found_world
from tests.stored import load_pull_request

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANA_TOO = AccountId(8)


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)


async def load(world: World, *request_ids: RequestId) -> list[ReminderState]:
    async with world.db.transaction():
        return [*await load_reminder_states(request_ids, world.now)]


async def load_one(world: World, request_id: RequestId) -> ReminderState:
    (state,) = await load(world, request_id)
    return state


async def decide_for_ana(world: World, request_id: RequestId, *demands: Demand) -> None:
    """A rule chose Ana for billing."""
    request = await world.request(request_id)
    chosen = Chosen(login="ana-gh", account_id=AccountId(1), name="Ana", pattern="billing/**")
    decision = Decision(head_sha="a1", paths=1, wanted=1, counted=0, verdicts=(chosen,), demands=demands)
    await insert_assignment(await load_pull_request(request.pull_request_id), decision, world.now)


async def approve(world: World, request_id: RequestId, number: int, login: str) -> None:
    request = await world.request(request_id)
    author = Account(id=AccountId(number), login=login)
    review = Review(id=number, author=author, state=ReviewState.APPROVED, submitted_at=world.now)
    await save_reviews([(await load_pull_request(request.pull_request_id), review)])


async def test_the_rows_are_the_same_as_when_each_is_read_by_itself(world: World) -> None:
    ana = await world.person("ana")
    request_id = await world.ask("ana")
    state = await load_one(world, request_id)
    assert state.request == await load_request(request_id)
    assert state.pull_request == await load_pull_request(state.request.pull_request_id)
    assert state.person == ana
    assert (state.pattern, state.messages, state.is_approved_enough, state.has_twin) == ("", (), False, False)
    assert (state.blocked_by, state.dms_today, state.away_until) == ("", 0, None)


async def test_a_reviewer_whom_nobody_mapped_is_no_person(world: World) -> None:
    assert (await load_one(world, await world.ask("cho"))).person is None


async def test_a_request_that_is_gone_has_no_state(world: World) -> None:
    request_id = await world.ask("ana")
    assert await load(world, RequestId(request_id + 1)) == []
    assert [state.request.id for state in await load(world, RequestId(9_999), request_id)] == [request_id]


async def test_several_states_load_together_by_id(world: World) -> None:
    for name in ("ana", "ben", "cho"):
        await world.person(name)
    asked = [await world.ask(name, number) for number in (13, 12) for name in ("cho", "ana")]
    states = await load(world, *reversed(asked))
    assert [state.request.id for state in states] == sorted(asked)
    assert [state.person.name if state.person else "" for state in states] == ["cho", "ana"] * 2
    assert [state.pull_request.number for state in states] == [13, 13, 12, 12]


async def test_the_dms_are_in_order_and_count_for_the_day_of_their_reader(world: World) -> None:
    ana, request = await world.person("ana"), await world.request(await world.ask("ana"))
    yesterday = world.now - timedelta(hours=10)  # midnight in Berlin
    first = await begin_sending(request, 0, ana.id, yesterday - timedelta(seconds=1))
    await record_sent(first, "D1", "1.1", "card", yesterday)
    second = await begin_sending(request, 1, ana.id, yesterday)
    refused = await begin_sending(request, 2, ana.id, world.now)
    await record_state(refused, MessageState.FAILED, "user_disabled")
    state = await load_one(world, request.id)
    assert [message.id for message in state.messages] == [first, second, refused]
    assert state.messages[0] == Message(
        id=first, sequence=0, state=MessageState.SENT, sending_at=yesterday - timedelta(seconds=1),
        sending_started_at=state.messages[0].sending_started_at, sent_at=yesterday, channel="D1", ts="1.1",
        shown="card",
    )  # fmt: skip
    assert [(message.state, message.error) for message in state.messages[1:]] == [
        (MessageState.SENDING, None),
        (MessageState.FAILED, "user_disabled"),
    ]
    assert state.dms_today == 1


async def test_absences_end_when_they_were_cancelled(world: World) -> None:
    ana, request_id = await world.person("ana"), await world.ask("ana")
    now = world.now
    over = await insert_absence(ana.id, now - 3 * DAY, now + DAY)
    await cancel_absence(over, now - DAY)
    current = await insert_absence(ana.id, now - HOUR, now + HOUR)
    never = await insert_absence(ana.id, now + DAY, now + 2 * DAY)
    await cancel_absence(never, now)
    state = await load_one(world, request_id)
    assert state.person is not None
    assert state.person.absences == (
        Absence(id=over, starts_at=now - 3 * DAY, ends_at=now - DAY),
        Absence(id=current, starts_at=now - HOUR, ends_at=now + HOUR),
    )
    assert state.away_until == now + HOUR


async def test_the_repositorys_own_rules_set_the_rhythm_and_the_approvals(world: World) -> None:
    request_id = await world.ask("ana")
    document = {"reminders": {"after": ["2h"], "approvals_needed": 2}, "escalate": {"after": "1d"}}
    await save_config(world.workspace_id, "ACME/api", RepositoryConfig.model_validate(document), world.now)
    await approve(world, request_id, 21, "eli-gh")
    state = await load_one(world, request_id)
    assert state.rhythm.after == (2 * HOUR,)
    assert state.rhythm.notify_author_after == 8 * HOUR
    assert not state.is_approved_enough
    await approve(world, request_id, 22, "fay-gh")
    assert (await load_one(world, request_id)).is_approved_enough


async def test_a_rule_that_insists_on_others_is_not_served_by_an_approval(world: World) -> None:
    request_id = await world.ask("ana", by=None)
    await decide_for_ana(world, request_id, Demand(logins=("ana-gh",), at_least=1))
    await approve(world, request_id, 21, "eli-gh")
    state = await load_one(world, request_id)
    assert state.pattern == "billing/**"
    assert not state.is_approved_enough


async def test_only_the_newest_verdict_of_a_reviewer_counts_and_comments_replace_none(world: World) -> None:
    request_id = await world.ask("ana")
    pull_request = await load_pull_request((await world.request(request_id)).pull_request_id)
    eli = Account(id=AccountId(21), login="eli-gh")
    states = (ReviewState.CHANGES_REQUESTED, ReviewState.APPROVED, ReviewState.COMMENTED)
    for number, verdict in enumerate(states):
        review = Review(id=number, author=eli, state=verdict, submitted_at=world.now + number * HOUR)
        await save_reviews([(pull_request, review)])
    assert (await load_one(world, request_id)).is_approved_enough


async def test_the_younger_of_two_requests_to_one_person_has_a_twin(world: World) -> None:
    ana = await world.person("ana")
    first, other = await world.ask("ana"), await world.ask("cho")
    await map_account(world.workspace_id, AccountId(3), "cho-gh", ana.id)
    states = await load(world, first, other)
    assert [state.has_twin for state in states] == [False, True]


async def test_what_blocks_a_pull_request_is_said(world: World) -> None:
    request_id = await world.ask("ana")
    await begin_pause(
        Pause(workspace_id=world.workspace_id, paused_by="U9", paused_by_name="Olga", paused_at=world.now)
    )
    assert (await load_one(world, request_id)).blocked_by == "paused by Olga since 2026-11-23 09:00Z"
    await put_on_hold(InstallationId(5))
    assert "suspended" in (await load_one(world, request_id)).blocked_by
    await mark_installation(InstallationId(5), deleted_at=world.now)
    assert (await load_one(world, request_id)).blocked_by == "GitHub does not show its pull request any more"


async def test_nothing_of_it_can_change_before_the_transaction_ends(world: World, dsn: str) -> None:
    ana, request_id = await world.person("ana"), await world.ask("ana")
    locked = {
        "pull_request": (await world.request(request_id)).pull_request_id,
        "review_request": request_id,
        "person": ana.id,
    }
    other = await asyncpg.connect(dsn)
    try:
        async with world.db.transaction():
            await load_reminder_states([request_id], world.now)
            for table, identity in locked.items():
                sql = f"SELECT FROM {table} WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED"
                assert await other.fetchrow(sql, identity) is None, table
    finally:
        await other.close()


async def test_what_was_committed_while_it_waited_for_the_lock_is_in_the_state(
    world: World, dsn: str
) -> None:
    ana, request_id = await world.person("ana"), await world.ask("ana")
    pull_request_id = (await world.request(request_id)).pull_request_id
    fact = await asyncpg.connect(dsn)
    try:
        transaction = fact.transaction()
        await transaction.start()
        await fact.execute("UPDATE pull_request SET title = 'New' WHERE id = $1", pull_request_id)
        loading = asyncio.create_task(load_one(world, request_id))
        await somebody_waits(world)
        await fact.execute("UPDATE review_request SET muted_at = now() WHERE id = $1", request_id)
        await fact.execute("UPDATE person SET dms_per_day = 3 WHERE id = $1", ana.id)
        await transaction.commit()
        state = await loading
    finally:
        await fact.close()
    assert state.pull_request.title == "New"
    assert state.request.is_muted
    assert state.person is not None
    assert state.person.dms_per_day == 3


async def somebody_waits(world: World) -> None:
    async with asyncio.timeout(10):
        while not await world.db.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            pass


async def test_two_loads_in_opposite_order_do_not_block_each_other_for_good(world: World) -> None:
    ana = await world.person("ana")
    asked = [await world.ask("ana", number) for number in (12, 13, 14)]

    async def load_and_hold(*request_ids: RequestId) -> None:
        async with world.db.transaction():
            await load_reminder_states(request_ids, world.now)
            await lock_person(ana.id)

    rounds = [load_and_hold(*order) for _ in range(10) for order in (asked, asked[::-1])]
    await asyncio.gather(*rounds)
    assert len(await list_requests((await world.request(asked[0])).pull_request_id)) == 1


MANY_OTHERS = """
    INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id, author_login,
        author_is_bot, state, is_draft, head_sha, labels, requested_teams, created_at, updated_at)
    SELECT workspace_id, id + n, repository_id, number + n, title, url, author_id, author_login,
        author_is_bot, state, is_draft, head_sha, labels, requested_teams, created_at, updated_at
    FROM pull_request, generate_series(1, 5000) AS n;

    INSERT INTO review_request (workspace_id, pull_request_id, reviewer_id, reviewer_login, is_again, round,
        opened_at)
    SELECT workspace_id, id, 2, 'ben-gh', false, 1, created_at FROM pull_request;

    INSERT INTO message (workspace_id, request_id, sequence, state, person_id, sending_at)
    SELECT review_request.workspace_id, review_request.id, 0, 'sent', person.id, opened_at - interval '9 days'
    FROM review_request, person;

    INSERT INTO review (workspace_id, id, pull_request_id, reviewer_id, reviewer_login, reviewer_is_bot,
        state, submitted_at)
    SELECT workspace_id, id, id, 3, 'cho-gh', false, 'commented', created_at FROM pull_request;

    INSERT INTO assignment (workspace_id, pull_request_id, decided_at, decision)
    SELECT workspace_id, id, created_at, '{}' FROM pull_request;

    ANALYZE;
"""


async def test_indexes_lead_to_the_rows_of_one_request_even_on_the_generic_plan(world: World) -> None:
    ana, request_id = await world.person("ana"), await world.ask("ana")
    await world.db.execute(MANY_OTHERS)
    async with world.db.transaction() as connection:
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE statement AS {LOAD}")
        text = await connection.fetchval(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
            f" EXECUTE statement ('{{{request_id}}}', '{{{ana.id}}}', '{{{world.now}}}', '{{{world.now}}}')"
        )
        await connection.execute("DEALLOCATE statement")
    plan = json.loads(text)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 100


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("posix/Europe/Berlin", "posix/Europe/Berlin"),
        ("right/Europe/Berlin", "right/Europe/Berlin"),
        ("US/Pacific-New", "UTC"),  # gone since 2020
        ("Mars/Olympus", "UTC"),
        ("", "UTC"),
        ("../etc/passwd", "UTC"),
    ],
)
async def test_a_zone_that_postgres_or_python_does_not_know_stops_no_dm(
    world: World, zone: str, shown: str
) -> None:
    ana, request_id = await world.person("ana"), await world.ask("ana")
    await set_zone(ana.id, zone)
    state = await load_one(world, request_id)
    assert state.person is not None
    assert state.person.zone == shown
    assert state.person.hours.tz.key == ("Europe/Berlin" if "Berlin" in zone else "UTC")
    assert isinstance(decide(state, world.now), Send | Wait)


async def test_the_day_of_a_reader_ends_at_their_midnight_when_clocks_change(world: World) -> None:
    ana, request = await world.person("ana"), await world.request(await world.ask("ana"))
    await set_zone(ana.id, "America/Sao_Paulo")
    midnight = datetime(2026, 11, 23, 3, tzinfo=UTC)
    for sequence, minutes in enumerate((-1, 0, 24 * 60 - 1, 24 * 60)):
        await begin_sending(request, sequence, ana.id, midnight + timedelta(minutes=minutes))
    assert (await load_one(world, request.id)).dms_today == 2
