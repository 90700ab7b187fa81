"""How long each kind of row is kept, and the rows that must stay longer."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.flows.catalog import TIDY, Lane
from bot.github.model import PullRequestState
from bot.jobs.tidy import DEAD_JOBS_ARE_KEPT, RETENTIONS, tidy
from bot.model import RequestId
from bot.reminders.digests import mark_listed, plan_item
from bot.reminders.model import Notice, NoticeKind
from bot.reminders.notices import insert_notice
from bot.reviews import backlog
from bot.reviews import store as reviews
from bot.reviews.model import CloseReason
from jobq import ClaimedJob, Database, utc_now
from tests.actions.world import World, found_world
from tests.factories import MONDAY
from tests.stored import list_unlisted_backlog

DAY = timedelta(days=1)
A_MOMENT = timedelta(seconds=1)
A_TICK = ClaimedJob(1, TIDY, "{}", MONDAY, MONDAY, Lane.FACTS, 1, 1, 13, 5, None)


@pytest.fixture
async def world(db: Database) -> World:
    return await found_world(db)


async def tidy_up(world: World, page: int = 2) -> None:
    await tidy(A_TICK, queue=world.queue, clock=world.clock, page=page)


async def deliver(world: World, guid: str, received_at: datetime) -> None:
    await world.db.execute(
        "INSERT INTO delivery (workspace_id, guid, event, received_at, fact, outcome)"
        " VALUES ($1, $2, 'ping', $3, $4, 'applied')",
        world.workspace_id,
        guid,
        received_at,
        json.dumps({"kind": "ping"}),
    )


async def deliveries(world: World) -> dict[str, bool]:
    """GUID, and whether its payload is still there."""
    rows = await world.db.fetch("SELECT guid, fact IS NOT NULL AS is_whole FROM delivery")
    return {row["guid"]: row["is_whole"] for row in rows}


async def remind(world: World, request_id: RequestId, sequence: int) -> None:
    person = await world.person("ana")
    await world.db.execute(
        "INSERT INTO message (workspace_id, request_id, sequence, state, person_id, sending_at)"
        " VALUES ($1, $2, $3, 'sent', $4, $5)",
        world.workspace_id,
        request_id,
        sequence,
        person.id,
        world.now,
    )


async def notify(world: World, kind: NoticeKind) -> None:
    person = await world.person("ben")
    await world.db.execute(
        "INSERT INTO message (workspace_id, pull_request_id, notice, round, state, person_id, sending_at)"
        " SELECT $1, id, $2, 1, 'sent', $3, $4 FROM pull_request",
        world.workspace_id,
        kind,
        person.id,
        world.now,
    )


async def count_messages(world: World) -> int:
    counted: int = await world.db.fetchval("SELECT count(*) FROM message")
    return counted


async def test_a_delivery_loses_its_payload_after_8_days_and_its_guid_after_30(world: World) -> None:
    for days in (8, 30):
        await deliver(world, f"{days} days", world.now - days * DAY)
        await deliver(world, f"over {days} days", world.now - days * DAY - A_MOMENT)
    await tidy_up(world)
    assert await deliveries(world) == {"8 days": True, "over 8 days": False, "30 days": False}


async def test_all_pages_are_forgotten_not_only_the_first(world: World) -> None:
    for n in range(5):
        await deliver(world, f"old {n}", world.now - (31 + n) * DAY)
        await deliver(world, f"new {n}", world.now - (9 + n) * DAY)
    await tidy_up(world, page=2)
    assert await deliveries(world) == {f"new {n}": False for n in range(5)}


async def test_slack_deliveries_are_kept_for_8_days(world: World) -> None:
    for key, received_at in (("new", world.now - 8 * DAY), ("old", world.now - 8 * DAY - A_MOMENT)):
        await world.db.execute(
            "INSERT INTO slack_delivery VALUES ($1, $2, $3)", world.workspace_id, key, received_at
        )
    await tidy_up(world)
    assert [row["key"] for row in await world.db.fetch("SELECT key FROM slack_delivery")] == ["new"]


async def test_dms_are_forgotten_90_days_after_their_review_request_was_closed(world: World) -> None:
    request_id = await world.ask("ana")
    for sequence in range(3):
        await remind(world, request_id, sequence)
    world.clock.move(60 * DAY)
    await reviews.close_review_requests([(request_id, CloseReason.APPROVED)], world.now)
    world.clock.move(90 * DAY)
    await tidy_up(world)
    assert await count_messages(world) == 3
    world.clock.move(A_MOMENT)
    await tidy_up(world)
    assert await count_messages(world) == 0


async def test_the_dms_of_an_open_review_request_are_kept_however_old_they_are(world: World) -> None:
    await remind(world, await world.ask("ana"), 0)
    world.clock.move(400 * DAY)
    await tidy_up(world)
    assert await count_messages(world) == 1


async def test_a_notice_to_the_author_is_kept_while_the_pull_request_is_open(world: World) -> None:
    request_id = await world.ask("ana")
    await notify(world, NoticeKind.NO_ANSWER)
    world.clock.move(400 * DAY)
    await tidy_up(world)
    assert await count_messages(world) == 1
    request = await world.request(request_id)
    await world.db.execute(
        "UPDATE pull_request SET state = $2 WHERE id = $1", request.pull_request_id, PullRequestState.MERGED
    )
    await tidy_up(world)
    assert await count_messages(world) == 0


async def test_a_greeting_or_digest_is_forgotten_after_90_days(world: World) -> None:
    ana = await world.person("ana")
    for kind in (NoticeKind.BACKLOG, NoticeKind.GREETING):
        await insert_notice(Notice.to_person(ana, kind, "of old"), world.now)
    world.clock.move(90 * DAY)
    await insert_notice(Notice.to_person(ana, NoticeKind.BACKLOG, "of today"), world.now)
    await tidy_up(world)
    assert await count_messages(world) == 3
    world.clock.move(A_MOMENT)
    await tidy_up(world)
    assert await world.db.fetchval("SELECT occasion FROM message") == "of today"


async def test_a_digest_is_kept_while_a_review_that_it_listed_waits(world: World) -> None:
    request_id, ana = await world.ask("ana"), await world.person("ana")
    await backlog.insert_entries(world.workspace_id, [request_id], world.now)
    message_id = await insert_notice(Notice.to_person(ana, NoticeKind.BACKLOG, "of old"), world.now)
    assert message_id is not None
    await backlog.mark_notified([request_id], message_id)
    world.clock.move(400 * DAY)
    await tidy_up(world)
    assert await list_unlisted_backlog(ana.id) == ()
    assert await count_messages(world) == 1
    await reviews.close_review_requests([(request_id, CloseReason.APPROVED)], world.now)
    await tidy_up(world)
    assert await count_messages(world) == 0


async def test_a_daily_digest_is_kept_while_a_review_that_it_listed_is_open(world: World) -> None:
    request_id, ana = await world.ask("ana"), await world.person("ana")
    message_id = await insert_notice(Notice.to_person(ana, NoticeKind.DIGEST, "of old"), world.now)
    assert message_id is not None
    await plan_item(await world.request(request_id), world.now)
    await mark_listed([request_id], message_id)
    world.clock.move(400 * DAY)
    await tidy_up(world)
    assert await count_messages(world) == 1
    await reviews.close_review_requests([(request_id, CloseReason.APPROVED)], world.now)
    await tidy_up(world)
    assert await count_messages(world) == 0


async def test_dead_jobs_are_kept_for_30_days(world: World) -> None:
    for identity, died_at in ((1, world.now - 30 * DAY), (2, world.now - 30 * DAY - A_MOMENT)):
        await world.db.execute(
            "INSERT INTO job_dead SELECT $1, 0, 'note', '{}', NULL, $2, 14, 13, 5, NULL, $2",
            identity,
            died_at,
        )
    await tidy_up(world)
    assert [dead.id for dead in await world.queue.dead()] == [1]


async def test_trips_to_github_are_forgotten_a_day_after_they_ended_in_real_time(world: World) -> None:
    real_now = utc_now()
    states = {
        b"old": real_now - 2 * DAY,
        b"older": real_now - 3 * DAY,
        b"still good": real_now + A_MOMENT * 600,
    }
    await world.db.executemany(
        "INSERT INTO oauth_state (digest, purpose, payload, expires_at) VALUES ($1, 'link', '{}', $2)",
        states.items(),
    )
    world.clock.shift += real_now - world.now + 5 * DAY
    await tidy_up(world, page=1)
    left = await world.db.fetch("SELECT digest FROM oauth_state")
    assert [row["digest"] for row in left] == [b"still good"]


async def count(world: World, table: str) -> int:
    counted: int = await world.db.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
    return counted


async def close(world: World, request_id: RequestId) -> None:
    """The pull request is merged now."""
    await reviews.close_review_requests([(request_id, CloseReason.MERGED)], world.now)
    await world.db.execute(
        "UPDATE pull_request SET state = 'merged', updated_at = $2 FROM review_request"
        " WHERE review_request.id = $1 AND pull_request.id = pull_request_id",
        request_id,
        world.now,
    )


async def review_and_assign(world: World, request_id: RequestId) -> None:
    await world.db.execute(
        """
        WITH asked AS (SELECT * FROM review_request WHERE id = $1), seen AS (
            INSERT INTO review SELECT workspace_id, id, pull_request_id, reviewer_id, reviewer_login,
                false, 'approved', $2 FROM asked)
        INSERT INTO assignment (workspace_id, pull_request_id, decided_at, decision)
        SELECT workspace_id, pull_request_id, $2, '{}' FROM asked
        """,
        request_id,
        world.now,
    )


async def test_what_a_person_did_is_kept_for_30_days(world: World) -> None:
    person = await world.person("ana")
    for age in (30 * DAY, 30 * DAY + A_MOMENT, 400 * DAY):
        await world.db.execute(
            "INSERT INTO action (workspace_id, person_id, told, undo, done_at) VALUES ($1, $2, '', '[]', $3)",
            world.workspace_id,
            person.id,
            world.now - age,
        )
    await tidy_up(world, page=1)
    assert await count(world, "action") == 1


async def test_an_absence_is_kept_for_90_days_and_while_a_request_from_before_its_end_is_open(
    world: World,
) -> None:
    person = await world.person("ana")
    for end in (world.now, world.now + 2 * DAY):
        await world.db.execute(
            "INSERT INTO absence (workspace_id, person_id, starts_at, ends_at, created_at)"
            " VALUES ($1, $2, $3, $4, $3)",
            world.workspace_id,
            person.id,
            world.now - 9 * DAY,
            end,
        )
    world.clock.move(DAY)
    request_id = await world.ask("ana")  # between the two ends
    world.clock.move(89 * DAY)
    await tidy_up(world)
    assert await count(world, "absence") == 2
    world.clock.move(100 * DAY)
    await tidy_up(world)
    assert await count(world, "absence") == 1
    await close(world, request_id)
    await tidy_up(world)
    assert await count(world, "absence") == 0


async def test_a_merged_pull_request_loses_its_reviews_after_90_days_and_is_gone_after_180(
    world: World,
) -> None:
    first = await world.ask("ana", number=12)
    await review_and_assign(world, first)
    await remind(world, first, 0)
    world.clock.move(DAY)
    latest = await world.ask("ana", number=13)
    await close(world, first)
    await close(world, latest)
    world.clock.move(90 * DAY)
    await tidy_up(world)
    assert (await count(world, "review"), await count(world, "assignment")) == (1, 1)
    world.clock.move(A_MOMENT)
    await tidy_up(world)
    assert (await count(world, "review"), await count(world, "assignment")) == (0, 0)
    world.clock.move(90 * DAY - A_MOMENT)
    await tidy_up(world)
    assert await count(world, "pull_request") == 2
    world.clock.move(A_MOMENT)
    await tidy_up(world)
    # Ana's newest request stays, so that Ripe knows when she was last asked.
    assert await world.db.fetchval("SELECT array_agg(number) FROM pull_request") == [13]
    assert await count(world, "review_request") == 1


async def test_an_open_pull_request_is_kept_with_all_that_hangs_on_it(world: World) -> None:
    request_id = await world.ask("ana", number=12)
    await review_and_assign(world, request_id)
    await remind(world, request_id, 0)
    world.clock.move(4000 * DAY)
    await world.ask("ana", number=13)
    await tidy_up(world)
    kept = [await count(world, table) for table in ("pull_request", "review", "assignment", "message")]
    assert kept == [2, 1, 1, 1]


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_a_pull_request_is_kept_until_its_lost_dm_is_looked_up(world: World, state: str) -> None:
    request_id = await world.ask("ana", number=12)
    await remind(world, request_id, 0)
    await close(world, request_id)
    await world.db.execute("UPDATE message SET state = $1, sending_at = $2", state, world.now + 150 * DAY)
    world.clock.move(181 * DAY)
    await world.ask("ana", number=13)
    await tidy_up(world)
    assert await count(world, "pull_request") == 2
    await world.db.execute("UPDATE message SET state = 'sent'")
    await tidy_up(world)
    assert await count(world, "pull_request") == 1


async def test_a_closed_pull_request_with_an_open_request_is_kept(world: World) -> None:
    request_id = await world.ask("ana", number=12)
    await close(world, request_id)
    await world.db.execute("UPDATE review_request SET closed_at = NULL, close_reason = NULL")
    world.clock.move(400 * DAY)
    await world.ask("ana", number=13)
    await tidy_up(world)
    assert await count(world, "pull_request") == 2


async def test_thousands_of_old_pull_requests_go_a_part_of_a_page_at_a_time(world: World) -> None:
    await close(world, await world.ask("ana", number=12))
    await world.db.execute(
        """
        INSERT INTO pull_request (workspace_id, id, repository_id, number, title, url, author_id,
            author_login, author_is_bot, state, is_draft, head_sha, labels, requested_teams, created_at,
            updated_at)
        SELECT workspace_id, 10000 + n, repository_id, n, title, url, author_id, author_login, author_is_bot,
            'closed', is_draft, head_sha, labels, requested_teams, created_at, updated_at
        FROM pull_request, generate_series(100, 2600) AS n
        """
    )
    world.clock.move(181 * DAY)
    await tidy_up(world, page=1_000)
    assert await count(world, "pull_request") == 1


def test_the_table_in_the_documentation_names_each_retention_with_its_days() -> None:
    text = Path("docs/security.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", text, re.MULTILINE))
    kept = {retention.name: str(retention.kept.days) for retention in RETENTIONS}
    assert rows == kept | {"dead_jobs": str(DEAD_JOBS_ARE_KEPT.days)}
