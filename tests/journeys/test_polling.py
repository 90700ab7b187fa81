"""Without a public address: no webhook ever arrives, and GitHub is asked once a minute instead."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.doctor.model import State
from bot.doctor.webhooks import judge_polling
from bot.github.polling import is_gone, list_known_installations, list_seen_installations
from bot.jobs.catalog import POLL
from bot.sandbox.github.model import Installation
from bot.sandbox.github.server import Fault
from bot.worker import build_recurring
from tests.journeys.test_leaving import installation_of
from tests.journeys.whole import Whole


@pytest.fixture
async def deaf(ripe: Whole) -> Whole:
    """A bot that knows its installation, from which on nothing of GitHub's arrives by itself."""
    ripe.github.webhooks.hold()
    await start_polling(ripe)
    return ripe


async def start_polling(ripe: Whole) -> None:
    """As a worker does that finds GITHUB_POLL set."""
    ripe.app = replace(ripe.app, settings=ripe.app.settings.model_copy(update={"github_poll": True}))
    await ripe.app.queue.save_all(one.job for one in build_recurring(ripe.app) if one.job_type == POLL)
    await minutes(ripe, 1)


async def minutes(ripe: Whole, count: int) -> None:
    await ripe.pass_time(minutes=count)


async def asked(ripe: Whole) -> Sequence[str]:
    """Who is known to be asked for an open review."""
    rows = await ripe.app.database.fetch(
        "SELECT reviewer_login FROM review_request WHERE closed_at IS NULL ORDER BY id"
    )
    return [row["reviewer_login"] for row in rows]


async def test_a_pull_request_is_found_its_reviewer_reminded_and_the_dm_struck_once_it_is_merged(
    deaf: Whole,
) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    assert pull.requested == ["cho"]
    assert len(deaf.live("cho")) == 1
    deaf.github.merge(pull)
    await minutes(deaf, 1)
    assert deaf.live("cho") == []
    assert "merged" in deaf.dms("cho")[0]


async def test_a_review_is_noticed_as_what_it_was(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    deaf.github.review(pull, "cho", "APPROVED")
    await minutes(deaf, 1)
    assert deaf.live("cho") == []
    assert "approved by you" in deaf.dms("cho")[0]


async def test_whom_a_human_asks_is_reminded_and_a_draft_only_once_it_is_ready(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["src/main.py"], draft=True)
    deaf.github.request_review(pull, ["ana"], by="ben")
    await minutes(deaf, 3)
    assert deaf.live("ana") == []
    deaf.github.ready_for_review(pull)
    await minutes(deaf, 2)
    assert len(deaf.live("ana")) == 1


async def test_a_push_wakes_what_was_snoozed_until_something_changes(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    await deaf.slack.run_command("cho", "/snooze", "acme/api#1 until change")
    deaf.clock.shift += timedelta(hours=5)
    await minutes(deaf, 1)
    assert deaf.reminders("cho") == 1
    deaf.github.push(pull)
    await minutes(deaf, 2)
    assert deaf.reminders("cho") == 2


async def test_what_did_not_change_costs_one_request_a_repository_and_no_job(deaf: Whole) -> None:
    deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 5)
    dms, calls = deaf.dms("cho"), len(deaf.server.calls)
    known = await deaf.app.database.fetchval("SELECT count(*) FROM delivery")
    await minutes(deaf, 2)
    made = [call.removeprefix("GET /api/v3") for call in deaf.server.calls[calls:]]
    assert sorted(made) == sorted(
        2
        * [
            "/app/installations",
            "/installation/repositories",
            "/repos/acme/api/pulls",
            "/repos/acme/web/pulls",
        ]
    )
    assert await deaf.app.database.fetchval("SELECT count(*) FROM delivery") == known
    assert deaf.dms("cho") == dms


async def test_a_repository_that_is_added_is_read_and_one_that_is_taken_away_is_left(deaf: Whole) -> None:
    pull = deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 3)
    deaf.github.change_repositories(installation_of(deaf), removed=["acme/api"])
    await minutes(deaf, 2)
    assert deaf.live("cho") == []
    deaf.github.change_repositories(installation_of(deaf), added=["acme/api"])
    deaf.github.push(pull)
    await minutes(deaf, 3)
    assert await asked(deaf) == ["cho"]


async def test_an_uninstall_a_suspension_and_an_installation_are_noticed(deaf: Whole) -> None:
    old: Installation = installation_of(deaf)
    deaf.github.suspend(old)
    await minutes(deaf, 1)
    assert [one.is_suspended for one in await list_known_installations()] == [True]
    deaf.github.unsuspend(old)
    await minutes(deaf, 1)
    assert [one.is_suspended for one in await list_known_installations()] == [False]
    deaf.github.uninstall(old)
    await minutes(deaf, 1)
    assert await list_known_installations() == ()
    deaf.github.install(["acme/api"])
    await minutes(deaf, 2)
    deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    await minutes(deaf, 4)
    (known,) = await list_known_installations()
    assert known.account is not None
    assert known.account.login == "acme"
    assert len(deaf.live("cho")) == 1


async def test_an_installation_that_a_list_leaves_out_is_not_taken_for_uninstalled(deaf: Whole) -> None:
    (known,) = await list_known_installations()

    class Forgetful:
        async def load_as_app(self, path: str) -> object:
            return [] if "?" in path else await deaf.app.github.load_as_app(path)

    assert await list_seen_installations(Forgetful()) == ()
    assert not await is_gone(Forgetful(), known.id)
    deaf.github.uninstall(installation_of(deaf))
    assert await is_gone(Forgetful(), known.id)


async def test_an_installation_that_joined_no_workspace_is_not_told_of_again_and_again(deaf: Whole) -> None:
    await deaf.app.database.execute("INSERT INTO workspace (slack_team_id, name) VALUES ('T2', 'Beta')")
    deaf.github.uninstall(installation_of(deaf))
    deaf.github.install(["acme/web"])
    await minutes(deaf, 1)
    known = await deaf.app.database.fetchval("SELECT count(*) FROM delivery")
    await minutes(deaf, 3)
    assert await deaf.app.database.fetchval("SELECT count(*) FROM delivery") == known


@pytest.mark.parametrize("status", [403, 429])
async def test_github_that_asks_to_wait_is_asked_later_and_nothing_is_lost(deaf: Whole, status: int) -> None:
    deaf.github.open_pull_request("acme/api", "ben", "Round up", ["docs/intro.md"])
    deaf.server.faults.append(Fault(status=status, path="/pulls", headers={"Retry-After": "300"}))
    await minutes(deaf, 2)
    assert deaf.dms("cho") == []
    await deaf.pass_time(minutes=5)
    await minutes(deaf, 3)
    assert len(deaf.live("cho")) == 1


async def test_a_webhook_that_arrives_all_the_same_changes_nothing_twice(ripe: Whole) -> None:
    await start_polling(ripe)
    pull = await ripe.open_pull_request("docs/intro.md")
    before = ripe.dms("cho")
    await minutes(ripe, 3)
    assert ripe.dms("cho") == before
    ripe.github.merge(pull)
    await ripe.settle()
    await minutes(ripe, 2)
    assert len(ripe.dms("cho")) == len(before)
    ripe.clock.shift += timedelta(hours=6)
    await minutes(ripe, 2)
    assert len(ripe.dms("cho")) == len(before)


async def test_doctor_tells_when_github_was_not_asked_for_long(deaf: Whole) -> None:
    now = deaf.clock.now()
    assert judge_polling(2, now - timedelta(minutes=4), now).state is State.OK
    late = judge_polling(2, now - timedelta(minutes=6), now)
    assert (late.state, late.detail) == (State.WARNING, "of 2 repositories one was asked about 6 minutes ago")
    assert judge_polling(2, None, now).state is State.WARNING
    assert judge_polling(400, now - timedelta(minutes=14), now).state is State.OK, "they take turns"
    polled = await deaf.app.database.fetchval("SELECT min(polled_at) FROM repository")
    assert now - polled < timedelta(minutes=2)
